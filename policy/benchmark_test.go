package policy_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"sallyport/policy"
)

// crowd returns a policy of n pinned clients with an identity each, in n/10 rules (at
// least one) that open 50 ports.
func crowd(n int) *policy.Source {
	src := &policy.Source{}
	const ports = 50
	for i := range ports {
		src.Ports = append(src.Ports, policy.Port{Application: "app", ID: fmt.Sprint("p", i), Mode: policy.Secure, ClientAuth: true})
	}
	for i := range n {
		src.Clients = append(src.Clients, policy.Client{
			Name:       fmt.Sprintf("client-%d", i),
			Addresses:  []netip.Prefix{netip.PrefixFrom(address(i), 32)},
			Ports:      []policy.PortRange{{First: 20001, Last: 20004}},
			Identities: []policy.Identity{{Kind: policy.DNSName, Value: fmt.Sprintf("client-%d.example.com", i)}},
		})
		if i%10 == 0 {
			src.Rules = append(src.Rules, policy.Rule{
				ID: fmt.Sprintf("rule-%d", i/10), To: []string{fmt.Sprintf("app/p%d", i/10%ports)},
				Limits: policy.Limits{MaxConnections: 4}, Owner: "voice team",
			})
		}
		last := &src.Rules[len(src.Rules)-1]
		last.From = append(last.From, src.Clients[i].Name)
	}
	return src
}

func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// visitor returns facts of the session of a crowd's i-th client.
func visitor(i int) policy.Facts {
	return policy.Facts{
		Application: "app",
		Port:        fmt.Sprint("p", i/10%50),
		Source:      netip.AddrPortFrom(address(i), 20003),
		Judged:      policy.Final,
		TLS:         true,
		Identities: policy.NewIdentities(
			policy.Identity{Kind: policy.LeafSHA256, Value: "00"},
			policy.Identity{Kind: policy.PublicKeyHash, Value: "00"},
			policy.Identity{Kind: policy.CommonName, Value: "client"},
			policy.Identity{Kind: policy.DNSName, Value: fmt.Sprintf("client-%d.example.com", i)}),
		Now: today,
	}
}

var today = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func compiled(t testing.TB, src *policy.Source) *policy.Set {
	t.Helper()
	set, faults := policy.Compile(src, today)
	for _, f := range faults {
		if !f.Warning {
			t.Fatalf("%s: %s", f.Place(), f.Message)
		}
	}
	return set
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		set := compiled(b, crowd(n))
		allowed := make([]policy.Facts, min(n, 4096))
		for i := range allowed {
			allowed[i] = visitor(i * (n / len(allowed)))
		}
		// The first asks for one client again and again, the others for thousands in turn, so
		// that neither they nor the tables are in the processor's cache.
		cases := []struct {
			name   string
			change func(*policy.Facts)
			want   policy.Reason
		}{
			{"again", func(f *policy.Facts) { *f = visitor(n / 2) }, policy.Allowed},
			{"allow", func(*policy.Facts) {}, policy.Allowed},
			{"early", func(f *policy.Facts) { f.Judged = policy.Early }, policy.Allowed},
			{"deny-port", func(f *policy.Facts) { f.Source = netip.AddrPortFrom(f.Source.Addr(), 40001) }, policy.SourcePortMismatch},
			{"deny-identity", func(f *policy.Facts) { f.Identities = policy.Identities{} }, policy.IdentityMissing},
			{"deny-stranger", func(f *policy.Facts) { f.Source = netip.MustParseAddrPort("203.0.113.7:40001") }, policy.NoRule},
		}
		for _, c := range cases {
			facts := make([]policy.Facts, len(allowed))
			for i := range facts {
				facts[i] = allowed[i]
				c.change(&facts[i])
				if got := set.Decide(&facts[i]).Reason; got != c.want {
					b.Fatalf("%s: %s, want %s", c.name, got, c.want)
				}
			}
			b.Run(fmt.Sprintf("definitions=%d/%s", n, c.name), func(b *testing.B) {
				b.ReportAllocs()
				if c.name == "again" {
					facts = facts[:1]
				}
				for i := 0; b.Loop(); i++ {
					set.Decide(&facts[i%len(facts)])
				}
			})
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		src := crowd(n)
		b.Run(fmt.Sprintf("definitions=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			var set *policy.Set
			for b.Loop() {
				set = compiled(b, src)
			}
			b.ReportMetric(float64(held(b, src))/1024, "KiB-held")
			runtime.KeepAlive(set)
		})
	}
}

// held returns how many bytes a compiled policy holds besides its source.
func held(b *testing.B, src *policy.Source) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	set := compiled(b, src)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(set)
	if after.HeapAlloc < before.HeapAlloc {
		return 0
	}
	return after.HeapAlloc - before.HeapAlloc
}
