package policy_test

import (
	"fmt"
	"net/netip"
	"testing"

	"sallyport/policy"
)

// large returns a policy of 100,000 clients, one in each of 10,000 groups of ten that a rule names,
// all of whose clients, groups and rules have one entry more if extended.
func large(extended bool) *policy.Source {
	src := &policy.Source{Groups: []policy.Group{{Name: "all"}}}
	for i := range 100_000 {
		c := policy.Client{Name: fmt.Sprint("c", i), Addresses: []netip.Prefix{netip.PrefixFrom(address(i), 32)}, Ports: []policy.PortRange{{First: 20001, Last: 20004}}}
		if extended {
			c.Addresses = append(c.Addresses, policyPrefix("172.16.0.0/12"))
		}
		src.Clients = append(src.Clients, c)
		src.Groups[0].Members = append(src.Groups[0].Members, c.Name)
	}
	for i := range 10_000 {
		g := policy.Group{Name: fmt.Sprint("g", i), Members: src.Groups[0].Members[10*i : 10*i+10 : 10*i+10]}
		r := policy.Rule{ID: fmt.Sprint("r", i), From: []string{g.Name, "192.0.2.0/24"}, To: []string{"a/p"}}
		if extended {
			g.Members, r.From = append(g.Members, "198.51.100.7"), append(r.From, "all", "192.0.2.9")
		}
		src.Groups, src.Rules = append(src.Groups, g), append(src.Rules, r)
	}
	return src
}

func TestDiffOfLargePoliciesIsComplete(t *testing.T) {
	old, new := large(false), large(true)
	for _, c := range policy.Diff(old, new) {
		if c.Kind != policy.Widened {
			t.Fatalf("%v", c)
		}
	}
	for _, c := range policy.Diff(new, old) {
		if c.Kind != policy.Narrowed {
			t.Fatalf("%v", c)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	old, new := large(false), large(true)
	for b.Loop() {
		policy.Diff(old, new)
	}
}
