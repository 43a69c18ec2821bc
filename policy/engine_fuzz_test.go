package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// chooser makes choices out of bytes; when they are used up it takes the first.
type chooser struct{ data []byte }

func (c *chooser) below(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

func one[T any](c *chooser, of []T) T { return of[c.below(len(of))] }

func some[T any](c *chooser, most int, of []T) []T {
	var list []T
	for range c.below(most + 1) {
		if v := one(c, of); !slices.ContainsFunc(list, func(o T) bool { return fmt.Sprint(o) == fmt.Sprint(v) }) {
			list = append(list, v)
		}
	}
	return list
}

var (
	fuzzPrefixes = []string{"10.0.0.1", "10.0.0.2", "10.0.0.0/30", "10.0.0.0/8", "0.0.0.0/0", "::1", "2001:db8::1", "2001:db8::/32", "::/0", "127.0.0.1", "127.0.0.0/8"}
	fuzzSources  = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9", "192.0.2.1", "::1", "2001:db8::1", "2001:db8::2", "2001:db9::1", "127.0.0.1", "127.9.9.9", "::ffff:10.0.0.1", "fe80::1%eth0"}
	fuzzRanges   = []policy.PortRange{{First: 1, Last: 1}, {First: 2, Last: 4}, {First: 3, Last: 6}, {First: 6, Last: 6}, {First: 1, Last: 65535}, {First: 65535, Last: 65535}}
	fuzzPorts    = []uint16{0, 1, 2, 3, 4, 5, 6, 7, 65534, 65535}
	fuzzPatterns = []string{"dns:a.example.com", "dns:*.example.com", "uri:spiffe://td/ns/a", "uri:spiffe://td/ns/*", "uri:spiffe://td/*", "cn:a", "ou:b"}
	fuzzNames    = []string{"dns:a.example.com", "dns:b.example.com", "dns:a.b.example.com", "dns:*.example.com", "uri:spiffe://td/ns/a", "uri:spiffe://td/ns/a/b", "uri:spiffe://td/ns", "uri:spiffe://td/../ns/a", "cn:a", "ou:b", "ou:c"}
	fuzzDays     = []time.Time{{}, {}, {}, {}, day("2026-05-30"), day("2026-06-01"), day("2026-06-02")}
	fuzzTimes    = []time.Time{today, {}, day("2026-05-29"), day("2026-05-31").Add(-1), day("2026-05-31"), day("2026-06-02").Add(-1), day("2026-06-02"), day("2026-06-03")}
	fuzzClients  = []string{"c0", "c1", "c2", "c3"}
	fuzzGroups   = []string{"g0", "g1", "g2"}
	fuzzWords    = []string{"any", "loopback"}
	fuzzTo       = []string{"a/plain", "a/secure", "a/auth", "a/auto", "b/auto", "a/*", "b/*"}
)

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func identities(texts []string) []policy.Identity {
	var list []policy.Identity
	for _, text := range texts {
		i, err := policy.ParseIdentity(text)
		if err != nil { // a name that a certificate may have and a policy may not
			i = policy.Identity{Kind: policy.CommonName, Value: text[len("cn:"):]}
		}
		list = append(list, i)
	}
	return list
}

func prefixes(texts []string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := policy.ParsePrefix(text)
		if err != nil {
			panic(err)
		}
		list = append(list, p)
	}
	return list
}

// randomSource makes a policy that mostly compiles: everything is named by a rule that is off.
func randomSource(c *chooser) *policy.Source {
	src := &policy.Source{
		Ports: []policy.Port{
			{Application: "a", ID: "plain", Mode: policy.Plaintext},
			{Application: "a", ID: "secure", Mode: policy.Secure},
			{Application: "a", ID: "auth", Mode: policy.Secure, ClientAuth: true},
			{Application: "a", ID: "auto", Mode: policy.AutoDetect, ClientAuth: true},
			{Application: "b", ID: "auto", Mode: policy.AutoDetect},
		},
		Rules:    []policy.Rule{{ID: "off", Mode: policy.Off, TLS: policy.TLSAny, From: slices.Concat(fuzzClients, fuzzGroups), To: []string{"a/*"}}},
		Defaults: policy.Defaults{IPv6Prefix: one(c, []int{0, 48, 128})},
	}
	for i, name := range fuzzClients {
		src.Clients = append(src.Clients, policy.Client{
			Name:       name,
			Addresses:  prefixes(some(c, 2, fuzzPrefixes)),
			Ports:      some(c, 2, fuzzRanges),
			Identities: identities(some(c, 2, fuzzPatterns)),
			RequireTLS: i == 0 && c.below(4) == 1,
		})
	}
	for i, name := range fuzzGroups {
		entries := slices.Concat(fuzzClients, fuzzPrefixes, fuzzWords, fuzzGroups[:i])
		src.Groups = append(src.Groups, policy.Group{Name: name, Members: append(some(c, 3, entries), one(c, entries))})
	}
	for i := range c.below(5) {
		src.Rules = append(src.Rules, policy.Rule{
			ID:        fmt.Sprint("r", i),
			From:      append(some(c, 2, slices.Concat(fuzzClients, fuzzGroups, fuzzPrefixes, fuzzWords)), one(c, fuzzClients)),
			To:        append(some(c, 2, fuzzTo), one(c, fuzzTo)),
			TLS:       policy.TLSDemand(c.below(3)),
			Mode:      policy.RuleMode(c.below(8) / 6),
			Limits:    policy.Limits{MaxConnections: c.below(3), Rate: one(c, []policy.Rate{{}, {Events: 1, Per: time.Second}, {Events: 90, Per: time.Minute}})},
			ValidFrom: one(c, fuzzDays),
			Expires:   one(c, fuzzDays),
		})
	}
	for i := range c.below(3) {
		src.Blocks = append(src.Blocks, policy.Block{ID: fmt.Sprint("b", 1-i), Addresses: prefixes([]string{one(c, fuzzPrefixes)})})
	}
	switch c.below(10) {
	case 8:
		src.Audit.All = true
	case 9:
		src.Audit.Ports = []string{one(c, fuzzTo)}
	}
	return src
}

// randomFacts makes a session; its names are those of its certificate.
func randomFacts(c *chooser, src *policy.Source) (f policy.Facts, names []policy.Identity) {
	port := one(c, src.Ports)
	f = policy.Facts{Application: port.Application, Port: port.ID, Now: one(c, fuzzTimes)}
	if c.below(20) == 19 {
		f.Port = "unknown"
	}
	if c.below(8) != 7 {
		f.Source = netip.AddrPortFrom(netip.MustParseAddr(one(c, fuzzSources)), one(c, fuzzPorts))
		f.Peer = f.Source
	} else if c.below(2) == 1 {
		f.Peer = netip.MustParseAddrPort(one(c, []string{"10.0.0.1:1", "127.0.0.1:1", "[::ffff:127.0.0.1]:1"}))
	}
	f.Judged = policy.Final
	f.TLS = port.Mode == policy.Secure || port.Mode == policy.AutoDetect && c.below(2) == 0
	names = identities(some(c, 3, fuzzNames))
	f.Identities = policy.NewIdentities(names...)
	return f, names
}

func shuffled(src *policy.Source, seed uint64) *policy.Source {
	r := rand.New(rand.NewPCG(seed, 1))
	mixed := *src
	mixed.Clients = mix(r, src.Clients)
	mixed.Groups = mix(r, src.Groups)
	mixed.Rules = mix(r, src.Rules)
	mixed.Blocks = mix(r, src.Blocks)
	for i := range mixed.Rules {
		mixed.Rules[i].From = mix(r, mixed.Rules[i].From)
		mixed.Rules[i].To = mix(r, mixed.Rules[i].To)
	}
	return &mixed
}

func mix[T any](r *rand.Rand, list []T) []T {
	mixed := slices.Clone(list)
	r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return mixed
}

var decisions = cmp.Options{cmpopts.EquateComparable(netip.Prefix{})}

func FuzzDecide(f *testing.F) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		data := make([]byte, 200)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chooser{data}
		src := randomSource(c)
		set, faults := policy.Compile(src, today)
		if set == nil {
			if !slices.ContainsFunc(faults, func(f policy.Fault) bool { return !f.Warning }) {
				t.Fatal("no set and no error")
			}
			return
		}
		mixed, _ := policy.Compile(shuffled(src, uint64(len(data))), today)
		if mixed == nil {
			t.Fatal("in another order the policy does not compile")
		}
		for range 8 {
			facts, names := randomFacts(c, src)
			compareWithReference(t, src, set, facts, names)
			compareWithReference(t, src, mixed, facts, names)
			compareMoments(t, src, set, facts)
			compareAlternatives(t, src, set, facts, names)
			compareAlternatives(t, src, mixed, facts, names)
		}
	})
}

// compareWithReference judges facts at both moments.
func compareWithReference(t *testing.T, src *policy.Source, set *policy.Set, facts policy.Facts, names []policy.Identity) {
	t.Helper()
	for _, moment := range []policy.Moment{policy.Early, policy.Final} {
		facts.Judged = moment
		got, want := set.Decide(&facts), judged(src, &facts, names)
		if diff := cmp.Diff(want, got, decisions); diff != "" {
			t.Fatalf("moment %d of %+v in %+v (-want +got):\n%s", moment, facts, src, diff)
		}
		compareTrace(t, set, &facts, got)
	}
}

// compareTrace looks whether an explanation explains the decision.
func compareTrace(t *testing.T, set *policy.Set, facts *policy.Facts, d policy.Decision) {
	t.Helper()
	matching := 0
	for _, r := range set.Explain(facts).Rules {
		if r.Matches {
			matching++
		}
		if r.Matches != (r.Failed == policy.NoCondition && r.Rule.Mode != policy.Off) || (r.Detail == "") != r.Matches {
			t.Errorf("trace %+v contradicts itself", r)
		}
		if d.Nearest == r.Rule.ID && r.Failed != d.Failed {
			t.Errorf("%+v fails %s, the decision says %s", r, r.Failed, d.Failed)
		}
		if d.Verdict == policy.Allow && d.Rule == r.Rule.ID && (!r.Matches || r.Client != d.Match.Client) {
			t.Errorf("decision %+v is explained by %+v", d, r)
		}
	}
	if byRule := d.Reason == policy.Allowed || d.Reason == policy.OnlyAudit; byRule && matching == 0 {
		t.Errorf("decision %+v without a matching rule", d)
	} else if matching > 0 && !byRule && d.Reason != policy.Blocked && d.Reason != policy.ClientNeedsTLS {
		t.Errorf("decision %+v though %d rules match", d, matching)
	}
}

// compareMoments holds the early decision against what could become of the session. More
// identities never hurt, so having all of them stands for having any.
func compareMoments(t *testing.T, src *policy.Source, set *policy.Set, facts policy.Facts) {
	t.Helper()
	if src.Audit.All || len(src.Audit.Ports) > 0 {
		return
	}
	i := slices.IndexFunc(src.Ports, func(p policy.Port) bool { return p.Application == facts.Application && p.ID == facts.Port })
	if i < 0 {
		return
	}
	possible := false
	for _, tls := range []bool{false, true} {
		if tls && src.Ports[i].Mode == policy.Plaintext || !tls && src.Ports[i].Mode == policy.Secure {
			continue
		}
		final := facts
		final.Judged, final.TLS = policy.Final, tls
		final.Identities = policy.NewIdentities(identities(fuzzNames)...)
		possible = possible || set.Decide(&final).Verdict.Passes()
	}
	facts.Judged = policy.Early
	if got := set.Decide(&facts).Verdict.Passes(); got != possible {
		t.Fatalf("early passes: %t, may pass in the end: %t; %+v in %+v", got, possible, facts, src)
	}
}

// FuzzCompile puts anything into a policy: it compiles, or says why not.
func FuzzCompile(f *testing.F) {
	f.Add("east", "10.2.0.5", "east", "app/secure", "dns:a.b", uint16(1), uint16(9), 4, 4, int64(1_800_000_000))
	f.Add("", "::ffff:1.2.3.4/96", "any", "app/*", "uri:x://y/*", uint16(9), uint16(1), -1, 0, int64(0))
	f.Add("any", "fe80::1%eth0", "loopback", "*/*", ":", uint16(0), uint16(65535), 0, -1, int64(-1))
	f.Add("g", "0.0.0.0/0", "g", "app/plain", "cn:x", uint16(40000), uint16(40001), 7, 200, int64(-62135596800))
	f.Fuzz(func(t *testing.T, name, address, from, to, identity string, first, last uint16, n, length int, when int64) {
		src := sound()
		prefix, _ := netip.ParsePrefix(address)
		i, _ := policy.ParseIdentity(identity)
		src.Clients = append(src.Clients, policy.Client{Name: name, Addresses: []netip.Prefix{prefix}, Ports: []policy.PortRange{{First: first, Last: last}}, Identities: []policy.Identity{i}})
		src.Groups = []policy.Group{{Name: "g", Members: []string{from, name, address}}}
		src.Rules = append(src.Rules, policy.Rule{ID: identity, From: []string{from, "g"}, To: []string{to}, TLS: policy.TLSDemand(n), Mode: policy.RuleMode(length),
			Limits: policy.Limits{MaxConnections: n, Burst: length, Rate: policy.Rate{Events: n, Per: time.Duration(length)}}, Expires: time.Unix(when, 0)})
		src.Blocks = []policy.Block{{ID: to, Addresses: []netip.Prefix{prefix}}}
		src.Defaults.IPv6Prefix, src.Lockout.Failures, src.Lockout.Exempt = length, n, []string{from, address}
		src.Audit.Ports = []string{to}
		src.Tests = []policy.Test{{To: to, TLS: true, From: netip.AddrPortFrom(prefix.Addr(), first), At: time.Unix(when, 0)}}
		set, faults := policy.Compile(src, today)
		if failed := slices.ContainsFunc(faults, func(f policy.Fault) bool { return !f.Warning }); failed == (set != nil) {
			t.Fatalf("set %v with %v", set != nil, report(faults))
		}
		if set != nil {
			set.RunTests()
		}
		policy.Diff(sound(), src)
	})
}
