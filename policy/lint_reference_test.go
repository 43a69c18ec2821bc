package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

var redundantRule = regexp.MustCompile(`^rule "([^"]+)" allows nothing that rule "([^"]+)" does not allow`)

// FuzzLint holds warnings against what they say.
func FuzzLint(f *testing.F) {
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 4))
		data := make([]byte, 600)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chooser{data}
		src := randomSource(c)
		for i := range src.Rules {
			if c.below(2) == 1 {
				src.Rules[i].Limits = policy.Limits{}
			}
		}
		set, faults := policy.Compile(src, today)
		if set == nil {
			return
		}
		var warned []string
		for _, fault := range faults {
			if m := redundantRule.FindStringSubmatch(fault.Message); m != nil {
				checkRedundant(t, c, src, set, m[1], m[2])
			}
			if fault.Section == policy.ClientSection && fault.Hint == twinHint {
				warned = append(warned, src.Clients[fault.Index].Name)
			}
		}
		if diff := cmp.Diff(twins(src), warned); diff != "" {
			t.Fatalf("twins (-want +got):\n%s\n%+v", diff, src)
		}
	})
}

const twinHint = "such a session counts for one of them only; give them source ports or identities that differ"

// checkRedundant leaves a rule out: nothing changes, and the other one has no limit to be at.
func checkRedundant(t *testing.T, c *chooser, src *policy.Source, set *policy.Set, id, wider string) {
	t.Helper()
	without := *src
	without.Rules = slices.DeleteFunc(slices.Clone(src.Rules), func(r policy.Rule) bool { return r.ID == id })
	for _, r := range without.Rules {
		if r.ID == wider && r.Limits != (policy.Limits{}) {
			t.Fatalf("rule %q has limits and makes %q redundant", wider, id)
		}
	}
	rest, faults := policy.Compile(&without, today)
	if rest == nil {
		t.Fatalf("without %q: %v", id, report(faults))
	}
	for range 40 {
		facts, _ := randomFacts(c, src)
		if facts.Source.IsValid() && facts.Source.Port() == 0 {
			continue
		}
		if was, is := set.Decide(&facts).Verdict, rest.Decide(&facts).Verdict; was != is {
			t.Fatalf("without %q, beside %q, %+v is %v and was %v in %+v", id, wider, facts, is, was, src)
		}
	}
}

// twins returns the clients that one session can be together with a client written earlier.
func twins(src *policy.Source) (names []string) {
	for later := range src.Clients {
		if slices.ContainsFunc(src.Clients[:later], func(earlier policy.Client) bool {
			return alike(&earlier, &src.Clients[later]) && meet(src, &earlier, &src.Clients[later])
		}) {
			names = append(names, src.Clients[later].Name)
		}
	}
	return names
}

// alike reports whether one session can be two clients. One that is known by its identity alone
// is like others of its kind only.
func alike(a, b *policy.Client) bool {
	roaming := func(c *policy.Client) bool { return len(c.Addresses)+len(c.Ports) == 0 }
	if roaming(a) != roaming(b) || roaming(a) && len(a.Identities)*len(b.Identities) == 0 {
		return false
	}
	return overlap(a.Addresses, b.Addresses, func(x, y netip.Prefix) bool { return x.Overlaps(y) }) &&
		overlap(a.Ports, b.Ports, func(x, y policy.PortRange) bool { return x.First <= y.Last && y.First <= x.Last }) &&
		overlap(a.Identities, b.Identities, func(x, y policy.Identity) bool { return covers(x, y) || covers(y, x) || below(x, y) || below(y, x) })
}

// below reports whether one URI pattern is below another.
func below(wide, narrow policy.Identity) bool {
	n := len(narrow.Value)
	return wide.Kind == policy.URIName && n > 2 && narrow.Value[n-2:] == "/*" &&
		covers(wide, policy.Identity{Kind: policy.URIName, Value: narrow.Value[:n-1] + "x"})
}

func overlap[T any](a, b []T, meet func(T, T) bool) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(x T) bool { return slices.ContainsFunc(b, func(y T) bool { return meet(x, y) }) })
}

// meet reports whether rules let such a session connect to one port as either client. What is
// between the first and the last day of all rules for one of them counts as open.
func meet(src *policy.Source, a, b *policy.Client) bool {
	for i := range src.Ports {
		p := &src.Ports[i]
		demanding := len(a.Identities)+len(b.Identities) > 0
		if demanding && !p.ClientAuth {
			continue
		}
		for _, state := range []policy.TLSDemand{policy.TLSRequired, policy.PlaintextOnly} {
			plain := state == policy.PlaintextOnly
			if plain && (p.Mode == policy.Secure || demanding || a.RequireTLS || b.RequireTLS) || !plain && p.Mode == policy.Plaintext {
				continue
			}
			if sameTime(ways(src, a, p, state), ways(src, b, p, state)) {
				return true
			}
		}
	}
	return false
}

// ways returns, for each entry of a from that stands for a client, the first and last day.
func ways(src *policy.Source, c *policy.Client, p *policy.Port, state policy.TLSDemand) map[string][2]time.Time {
	far := day("2999-01-01")
	open := make(map[string][2]time.Time)
	for i := range src.Rules {
		r := &src.Rules[i]
		if r.Mode == policy.Off || !namesPort(r, p) || r.TLS != policy.TLSAny && r.TLS != state {
			continue
		}
		for _, text := range r.From {
			if !slices.ContainsFunc(entrants(src, text, 0), func(e entrant) bool { return e.client != nil && e.client.Name == c.Name }) {
				continue
			}
			last := r.Expires
			if last.IsZero() {
				last = far
			}
			days, known := open[text]
			if !known || r.ValidFrom.Before(days[0]) {
				days[0] = r.ValidFrom
			}
			if !known || last.After(days[1]) {
				days[1] = last
			}
			open[text] = days
		}
	}
	return open
}

func sameTime(a, b map[string][2]time.Time) bool {
	for _, x := range a {
		for _, y := range b {
			if !x[0].After(y[1]) && !y[0].After(x[1]) {
				return true
			}
		}
	}
	return false
}

// The clients that differ in what the index goes by: prefix, source port, identity.
func TestLintFindsTwins(t *testing.T) {
	at := func(texts ...string) func(*policy.Client) {
		return func(c *policy.Client) { c.Addresses = prefixes(texts) }
	}
	both := func(changes ...func(*policy.Client)) func(*policy.Client) {
		return func(c *policy.Client) {
			for _, change := range changes {
				change(c)
			}
		}
	}
	ports := func(first, last uint16) func(*policy.Client) {
		return func(c *policy.Client) { c.Ports = append(c.Ports, policy.PortRange{First: first, Last: last}) }
	}
	as := func(texts ...string) func(*policy.Client) {
		return func(c *policy.Client) { c.Identities = identities(texts) }
	}
	for _, c := range []struct {
		name      string
		east, two func(*policy.Client)
		rule      func(*policy.Rule)
		want      string
	}{
		{"nested, pinned", both(at("10.0.0.0/24"), ports(20001, 20001)), both(at("10.0.0.5"), ports(20001, 20004)), nil, "ports: an address and a source port"},
		{"nested, the narrower one first", both(at("10.0.0.5"), ports(20001, 20004)), both(at("10.0.0.0/24"), ports(20001, 20001)), nil, "ports: an address and a source port"},
		{"nested, other ports", both(at("10.0.0.0/24"), ports(20001, 20001)), both(at("10.0.0.5"), ports(20002, 20004)), nil, ""},
		{"nested", at("10.0.5.5"), at("10.0.5.0/24"), nil, "addresses: an address"},
		{"nested deeper", at("10.0.0.0/8", "10.0.5.0/28"), at("10.0.5.1"), nil, "addresses: an address"},
		{"pinned and not", at("10.0.5.5"), both(at("10.0.5.0/24"), ports(20001, 20001)), nil, "ports: an address and a source port"},
		{"neighbours", at("10.0.5.0/25"), at("10.0.5.128/25"), nil, ""},
		{"the same identity", both(at("10.0.1.5"), as("cn:x")), both(at("10.0.1.5"), as("cn:x")), nil, "addresses: an address"},
		{"other identities", both(at("10.0.1.5"), as("cn:x")), both(at("10.0.1.5"), as("cn:y")), nil, ""},
		{"other identities, pinned", both(at("10.0.1.5"), ports(2000, 2001), as("cn:x")), both(at("10.0.1.5"), ports(2000, 2001), as("cn:y")), nil, ""},
		{"one demands an identity", both(at("10.0.1.5"), as("cn:x")), at("10.0.1.5"), nil, "addresses: an address"},
		{"one demands an identity, where none is asked for", both(at("10.0.1.5"), as("cn:x")), at("10.0.1.5"), func(r *policy.Rule) { r.To, r.TLS = []string{"app/auto"}, policy.TLSAny }, ""},
		{"a pattern", both(at("10.0.1.5"), as("dns:a.example.com")), both(at("10.0.1.0/24"), as("dns:*.example.com")), nil, "addresses: an address"},
		{"a pattern below a pattern", both(at("10.0.1.5"), as("uri:spiffe://td/*")), both(at("10.0.1.0/24"), as("uri:spiffe://td/ns/*")), nil, "addresses: an address"},
		{"other patterns", both(at("10.0.1.5"), as("dns:*.a.example.com")), both(at("10.0.1.0/24"), as("dns:*.example.com")), nil, ""},
		{"known by identity", as("cn:x"), as("cn:x", "cn:y"), nil, "identities: an identity"},
		{"known by identity, beside an address", as("cn:x"), at("10.0.1.5"), nil, ""},
		{"known by source port", ports(2000, 2001), both(at("10.0.1.5"), ports(2000, 2001)), nil, "ports: an address and a source port"},
		{"a time before the other", at("10.0.1.5"), at("10.0.1.5"), func(r *policy.Rule) { r.From, r.ValidFrom = []string{"two"}, day("2027-01-01") }, ""},
	} {
		src := sound()
		src.Clients = append(src.Clients, policy.Client{Name: "two"})
		src.Clients[0].Addresses, src.Clients[0].Ports = nil, nil
		c.east(&src.Clients[0])
		c.two(&src.Clients[1])
		src.Rules[0].From = []string{"east", "two"}
		if c.rule != nil {
			c.rule(&src.Rules[0])
			if len(src.Rules[0].From) == 1 {
				src.Rules = append(src.Rules, rule("until then", func(r *policy.Rule) {
					r.From, r.To, r.Expires = []string{"east"}, []string{"app/secure"}, day("2026-12-31")
				}))
			}
		}
		_, faults := policy.Compile(src, today)
		var got []string
		for _, f := range faults {
			if f.Hint == twinHint {
				got = append(got, fmt.Sprintf("%s: %s", f.Place(), f.Message))
			}
		}
		var want []string
		if c.want != "" {
			field, what, _ := strings.Cut(c.want, ": ")
			want = []string{fmt.Sprintf(`client[1].%s: client "two" has %s in common with client "east", and rules let both connect to "app/secure"`, field, what)}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
