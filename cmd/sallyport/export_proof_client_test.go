package main

import (
	"slices"
	"testing"

	"sallyport/internal/testpolicy"
	"sallyport/policy"
)

// The firewall of a single client's own host lets pass what the policy would if it knew no other client and no addresses: rules
// are narrowed to the client, whom they may name through groups, and everything else stays as it is.
func TestExportProofOfOneClient(t *testing.T) {
	pki, compared, passing := proofFiles(t), 0, 0
	for seed := range uint64(40) {
		p := newProof(t, pki, seed)
		client := p.Source.Clients[0].Name
		alone := p.narrowed(client)
		rules, firewall := p.nftables("client", "--client", client)
		for _, tuple := range p.with(p.tuples("client", 200), p.corners(rules)) {
			_, want := alone.Best(tuple, p.Now)
			if got := firewall.passes(packetOf(tuple, "client", p.Now)); got != want {
				t.Fatalf("seed %d, %s: %s: the firewall lets it pass: %t, want %t\n%s\n%s", seed, client, tuple, got, want, p.Policy(), firewall.text)
			}
			if compared++; want {
				passing++
			}
		}
	}
	t.Logf("%d tuples compared, %d pass", compared, passing)
	if passing < compared/20 {
		t.Error("hardly anything passes")
	}
}

// narrowed returns the world with one client in its rules.
func (p *proof) narrowed(client string) *testpolicy.World {
	w := *p.World
	w.Source.Rules = nil
	for _, r := range p.Source.Rules {
		if slices.ContainsFunc(r.From, func(name string) bool { return p.leadsTo(name, client) }) {
			r.From = []string{client}
			w.Source.Rules = append(w.Source.Rules, r)
		}
	}
	return &w
}

// leadsTo reports whether a name is the client or a group with it.
func (p *proof) leadsTo(name, client string) bool {
	i := slices.IndexFunc(p.Source.Groups, func(g policy.Group) bool { return g.Name == name })
	return name == client || i >= 0 && slices.ContainsFunc(p.Source.Groups[i].Members, func(member string) bool { return p.leadsTo(member, client) })
}
