package testpolicy

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

var site = Site{
	Four: netip.MustParseAddr("10.1.0.4"), Six: netip.MustParseAddr("fd00:1::4"),
	Clients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	Hot:     []netip.Addr{netip.MustParseAddr("10.20.0.0"), netip.MustParseAddr("192.0.2.254"), netip.MustParseAddr("2001:db8::ffff")},
	Now:     time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC), Still: true,
}

// Every world compiles, and what is said of it here is what package policy says: two evaluators of one policy that share no code.
func TestJudgeAgreesWithPolicy(t *testing.T) {
	judged := make(map[policy.Verdict]int)
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 0))
		w := Random(r, &site)
		set := compiled(t, w)
		for _, tuple := range w.Tuples(r, 100, site.Holds) {
			for _, way := range tuple.Port.Ways() {
				facts := policy.Facts{
					Application: tuple.Port.Application, Port: tuple.Port.ID, Source: tuple.From, Peer: tuple.From,
					TLS: way == OverTLS, Now: w.Now,
				}
				if way == OverTLS && tuple.Port.ClientAuth != "none" {
					facts.Identities = policy.NewIdentities(Identities()...)
				}
				got, _ := set.Walk(facts)
				if want := w.Judge(tuple, way, w.Now); want != got.Verdict {
					t.Fatalf("seed %d: %s in %s: policy says %s (%s, rule %q), want %s; the policy:\n%s",
						seed, tuple, way, got.Verdict, got.Reason, got.Rule, want, w.Policy())
				}
				judged[got.Verdict]++
			}
		}
	}
	t.Logf("judged: %d allowed, %d denied, %d let pass by audit mode", judged[policy.Allow], judged[policy.Deny], judged[policy.AuditDeny])
	if judged[policy.Allow] < 1000 || judged[policy.Deny] < 1000 || judged[policy.AuditDeny] < 100 {
		t.Error("the worlds are no longer of all kinds")
	}
}

// compiled has package policy look at a world.
func compiled(t *testing.T, w *World) *policy.Set {
	t.Helper()
	src := w.Source
	for i := range w.Ports {
		p := &w.Ports[i]
		src.Ports = append(src.Ports, policy.Port{
			Application: p.Application, ID: p.ID, Mode: p.Mode, ClientAuth: p.ClientAuth != "none",
			DemandsCertificate: p.ClientAuth == "require", Exposed: true,
		})
	}
	set, faults := policy.Compile(&src, w.Now)
	for _, f := range faults {
		if !f.Warning {
			t.Fatalf("%+v in\n%s", f, w.Policy())
		}
	}
	return set
}

// The same numbers make the same world, text and tuples, or a seed in a failure would be of no use.
func TestRandomIsReproducible(t *testing.T) {
	texts := make([]string, 2)
	for i := range texts {
		r := rand.New(rand.NewPCG(7, 7))
		w := Random(r, &site)
		texts[i] = w.Config(Files{Certificate: "c", Key: "k", CA: "a"}) + w.Policy() + w.Tests(w.Tuples(r, 50, site.Holds))
	}
	if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}
