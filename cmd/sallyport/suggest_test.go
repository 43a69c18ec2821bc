package main

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/config"
	"sallyport/internal/suggest"
	"sallyport/policy"
	"sallyport/proxy"
)

// TestSuggestProperty judges sessions at random, suggests from their log, and judges again with what was
// suggested: everything seen is allowed, and nothing else.
func TestSuggestProperty(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := world{T: t, random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1.7e9, 0)}
			w.before = w.compile(w.source())
			for range w.random.IntN(200) {
				w.connect()
			}
			known := w.before
			if seed%2 == 0 {
				known = nil
			}
			alone, text := w.suggest(known)
			both := w.source()
			both.Clients = append(both.Clients, alone.Clients...)
			both.Rules = append(both.Rules, alone.Rules...)
			after := w.compile(both)
			w.everythingSeenIsAllowed(after)
			for range 3000 {
				w.nothingElseIsAllowed(after)
			}
			if known == nil {
				alone.Ports = both.Ports
				w.compile(*alone)
			}
			if t.Failed() {
				t.Logf("suggested:\n%s\nlog:\n%s", text, w.log.String())
			}
		})
	}
}

// world is a policy with sessions.
type world struct {
	*testing.T
	random *rand.Rand
	now    time.Time
	before *policy.Set
	log    bytes.Buffer
	seen   []policy.Facts // Early where the log does not say what was spoken
}

func (w *world) source() policy.Source {
	address := func(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }
	return policy.Source{
		Ports: []policy.Port{
			{Application: "a", ID: "secure", Mode: policy.Secure, ClientAuth: true},
			{Application: "a", ID: "upgrade", Mode: policy.AutoDetect, ClientAuth: true},
			{Application: "a", ID: "plain", Mode: policy.Plaintext},
			{Application: "b", ID: "upgrade", Mode: policy.AutoDetect},
		},
		Clients: []policy.Client{
			{Name: "strict", Addresses: address("10.0.0.6/32"), RequireTLS: true},
			{Name: "seen-10.0.0.5", Addresses: address("10.0.0.5/32"), Ports: []policy.PortRange{{First: 20001, Last: 20002}}},
			{Name: "identified", Addresses: address("10.0.0.4/32"), Identities: []policy.Identity{{Kind: policy.DNSName, Value: "a"}}},
		},
		Rules: []policy.Rule{
			{ID: "seen-a-secure-tls", From: []string{"seen-10.0.0.5"}, To: []string{"a/*"}, TLS: policy.TLSAny},
			{ID: "identities", From: []string{"identified"}, To: []string{"a/upgrade", "a/secure"}},
		},
		Blocks: []policy.Block{{ID: "block", Addresses: address("10.0.0.7/32")}},
	}
}

func (w *world) compile(src policy.Source) *policy.Set {
	w.Helper()
	set, faults := policy.Compile(&src, w.now)
	if set == nil {
		w.Fatal(faults)
	}
	return set
}

// facts returns a session that the ports allow to happen.
func (w *world) facts() policy.Facts {
	port := w.source().Ports[w.random.IntN(4)]
	addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(w.random.IntN(8))})
	if w.random.IntN(4) == 0 {
		addr = netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", w.random.IntN(3)))
	}
	number := 20000 + w.random.IntN(4)
	if w.random.IntN(3) == 0 {
		number = 40000 + w.random.IntN(1+w.random.IntN(300))
	}
	f := policy.Facts{
		Application: port.Application,
		Port:        port.ID,
		Source:      netip.AddrPortFrom(addr, uint16(number)),
		Judged:      policy.Final,
		TLS:         port.Mode == policy.Secure || port.Mode == policy.AutoDetect && w.random.IntN(2) == 0,
		Now:         w.now,
	}
	f.Peer = f.Source
	if f.TLS && port.ClientAuth && w.random.IntN(5) > 0 {
		f.Identities = policy.NewIdentities(w.identities()...)
	}
	return f
}

func (w *world) identities() []policy.Identity {
	all := []policy.Identity{{Kind: policy.DNSName, Value: "a"}, {Kind: policy.DNSName, Value: "b"}, {Kind: policy.URIName, Value: "spiffe://example.com/c"},
		{Kind: policy.CommonName, Value: `d "e" \`}, {Kind: policy.OrgUnit, Value: "f"}}
	return slices.DeleteFunc(all, func(policy.Identity) bool { return w.random.IntN(3) == 0 })
}

// connect is a session under an audit policy, or one that was denied as early as that was possible.
func (w *world) connect() {
	f := w.facts()
	if w.random.IntN(20) == 0 {
		f.Source, f.Peer, f.Identities = netip.AddrPort{}, netip.AddrPort{}, policy.Identities{}
	}
	verdict, mode := policy.AuditDeny, "plaintext"
	if f.TLS {
		mode = "tls"
	}
	d := w.before.Decide(&f)
	early := f
	early.Judged = policy.Early
	if e := w.before.Decide(&early); e.Verdict == policy.Deny && w.random.IntN(4) == 0 {
		verdict, mode, d = policy.Deny, "", e
		f.Identities = policy.Identities{}
		if f.Port == "upgrade" {
			f.Judged = policy.Early
		}
	}
	if d.Verdict == policy.Allow {
		verdict = policy.Allow
	}
	w.write(&f, verdict, d.Reason, mode)
	w.seen = append(w.seen, f)
}

func (w *world) write(f *policy.Facts, verdict policy.Verdict, reason policy.Reason, mode string) {
	var handler slog.Handler = slog.NewTextHandler(&w.log, nil)
	if w.random.IntN(2) == 0 {
		handler = slog.NewJSONHandler(&w.log, nil)
	} else if w.random.IntN(2) == 0 {
		fmt.Fprint(&w.log, "Nov 22 14:00:00 host sallyport[123]: ")
	}
	source := "unix"
	if f.Source.IsValid() {
		source = f.Source.String()
	}
	var identities []string
	for _, identity := range f.Identities.Names() {
		text := identity.String()
		if strings.ContainsAny(text, ` "\`) {
			text = fmt.Sprintf("%q", text)
		}
		identities = append(identities, text)
	}
	slog.New(handler).Warn(proxy.SessionMessage, proxy.KeyApplication, f.Application, proxy.KeyPort, f.Port, proxy.KeySource, source,
		proxy.KeyMode, mode, proxy.KeySNI, "a verdict=allow\n", "peer_identities", strings.Join(identities, " "),
		proxy.KeyVerdict, verdict.String(), proxy.KeyReason, string(reason))
}

// suggest runs the command on the log and reads what it writes.
func (w *world) suggest(known *policy.Set) (*policy.Source, string) {
	w.Helper()
	var stdout, stderr bytes.Buffer
	s := suggestion{survey: suggest.Survey{Policy: known, Denied: true, Now: w.now}, stdin: bytes.NewReader(w.log.Bytes()), stdout: &stdout, stderr: &stderr}
	if err := cmp.Or(s.read(standardInput), s.print()); err != nil {
		w.Fatalf("%v\n%s", err, stderr.String())
	}
	files, problems := config.ParsePolicy([]config.NamedData{{Name: "suggested.toml", Data: stdout.Bytes()}})
	if len(problems) > 0 {
		w.Fatal(problems)
	}
	return w.renamed(&files.Source, known), stdout.String()
}

// renamed makes names unique in a draft that could not know those of the policy.
func (w *world) renamed(src *policy.Source, known *policy.Set) *policy.Source {
	if known != nil {
		return src
	}
	for i := range src.Clients {
		src.Clients[i].Name += "-new"
	}
	for i := range src.Rules {
		src.Rules[i].ID += "-new"
		for j, name := range src.Rules[i].From {
			if name != policy.LoopbackName {
				src.Rules[i].From[j] = name + "-new"
			}
		}
	}
	return src
}

func (w *world) everythingSeenIsAllowed(after *policy.Set) {
	for _, f := range w.seen {
		spoken := []bool{f.TLS}
		if f.Judged == policy.Early {
			f.Judged, spoken = policy.Final, []bool{false, true}
		}
		for _, f.TLS = range spoken {
			d := after.Decide(&f)
			if d.Verdict != policy.Allow && d.Reason != policy.Blocked && d.Reason != policy.ClientNeedsTLS {
				w.Errorf("%s to %s/%s, TLS %t, %v: %+v", f.Source, f.Application, f.Port, f.TLS, f.Identities.Names(), d)
			}
		}
	}
}

func (w *world) nothingElseIsAllowed(after *policy.Set) {
	f := w.facts()
	if after.Decide(&f).Verdict != policy.Allow || w.before.Decide(&f).Verdict == policy.Allow {
		return
	}
	var common []policy.Identity
	found, unknown := false, false
	for _, s := range w.seen {
		if s.Source.Addr() != f.Source.Addr() || s.Application != f.Application || s.Port != f.Port || s.Judged == policy.Final && s.TLS != f.TLS {
			continue
		}
		if w.before.Decide(&s).Verdict == policy.Allow {
			continue // it is none that was suggested for
		}
		unknown = unknown || s.Judged == policy.Early
		names := slices.DeleteFunc(s.Identities.Names(), func(i policy.Identity) bool { return i.Kind == policy.OrgUnit })
		if !found {
			common = names
		}
		common = slices.DeleteFunc(common, func(i policy.Identity) bool { return !slices.Contains(names, i) })
		found = true
	}
	shown := slices.ContainsFunc(common, func(i policy.Identity) bool { return slices.Contains(f.Identities.Names(), i) })
	if !found || len(common) > 0 && !shown && !unknown {
		w.Errorf("allowed, and not seen: %s to %s/%s, TLS %t, %v", f.Source, f.Application, f.Port, f.TLS, f.Identities.Names())
	}
}

// The attributes that suggest reads are those that the log has.
func TestSuggestReadsTheLog(t *testing.T) {
	var known []string
	for _, a := range proxy.Attributes() {
		known = append(known, a.Name)
	}
	for _, name := range suggest.Attributes() {
		if !slices.Contains(known, name) {
			t.Errorf("no record has an attribute %q", name)
		}
	}
}
