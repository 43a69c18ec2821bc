//go:build integration

package integration

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpolicy"
	"sallyport/policy"
)

// mutantWorld is small enough for every element of its firewall to be known.
func mutantWorld(site *exportSite) *testpolicy.World {
	prefixes := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	return &testpolicy.World{
		Now: site.Now,
		Ports: []testpolicy.Port{{
			Application: "a", ID: "both", Listen: ":2023", Mode: policy.Plaintext, ClientAuth: "none", Everywhere: true,
			At: []netip.AddrPort{netip.AddrPortFrom(site.Four, 2023), netip.AddrPortFrom(site.Six, 2023)},
		}},
		Source: policy.Source{
			Clients: []policy.Client{
				{Name: "four", Addresses: prefixes("10.20.0.4/31"), Ports: []policy.PortRange{{First: 20001, Last: 20004}}},
				{Name: "six", Addresses: prefixes("2001:db8::8/127", "2001:db8::20/128"), Ports: []policy.PortRange{{First: 20011, Last: 20014}}},
				{Name: "wide", Addresses: prefixes("192.0.2.0/29")},
			},
			Rules: []policy.Rule{
				{ID: "pinned", From: []string{"four", "six"}, To: []string{"a/both"}, TLS: policy.PlaintextOnly, Owner: "test"},
				{ID: "open", From: []string{"wide"}, To: []string{"a/both"}, TLS: policy.PlaintextOnly, Owner: "test"},
			},
			Blocks: []policy.Block{{ID: "blocked", Addresses: prefixes("192.0.2.5/32", "192.0.2.2/32")}},
		},
	}
}

// TestExportProofFindsMutants makes firewalls wrong by hand, in one element each: the proof would not let any of them pass.
func TestExportProofFindsMutants(t *testing.T) {
	need(t, "xtables-nft-multi")
	site := newExportSite(t)
	w := mutantWorld(site)
	s := launch{prefix: site.server.exec, policy: w.Policy()}.start(t, w.Config(site.files))
	all := attempts(w, w.Tuples(rand.New(rand.NewPCG(1, 1)), 60, site.Holds))
	nft, four, six := s.export(t, "nftables"), s.export(t, "iptables"), s.export(t, "ip6tables")

	replaced := func(old, by string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, by, 1) }
	}
	without := func(parts ...string) func(string) string {
		return func(text string) string {
			lines := strings.SplitAfter(text, "\n")
			return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
				return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
			}), "")
		}
	}
	same := func(text string) string { return text }
	for _, mutant := range []struct {
		name          string
		nft, iptables func(string) string
		wrong         string // part of what is reported; empty if nothing may be
	}{
		{"none", same, same, ""},
		{"source ports widened", replaced("20001-20004", "20001-20005"), replaced("20001:20004", "20001:20005"), ":20005 to a/both"},
		{"source ports narrowed", replaced("20001-20004", "20001-20003"), replaced("20001:20004", "20001:20003"), ":20004 to a/both"},
		{"source ports begin before", replaced("20001-20004", "20000-20004"), replaced("20001:20004", "20000:20004"), ":20000 to a/both"},
		{"prefix widened", replaced("10.20.0.4/31", "10.20.0.4/30"), replaced("10.20.0.4/31", "10.20.0.4/30"), "10.20.0.6:"},
		{"prefix narrowed", replaced("10.20.0.4/31", "10.20.0.4"), replaced("10.20.0.4/31", "10.20.0.4/32"), "10.20.0.5:"},
		{"IPv6 element removed", without("2001:db8::8/127 . "), without("-s 2001:db8::8/127", "-j ACCEPT"), "[2001:db8::8]:"},
		{"block removed", without("192.0.2.5 . ", "blocked"), without("-s 192.0.2.5/32", "blocked"), "192.0.2.5:"},
		{"denies nothing", replaced("counter reject with tcp reset\n", "counter accept\n"), without(" -p tcp -j REJECT --reject-with tcp-reset\n"), "denied by sallyport, want stopped"},
	} {
		check := func(t *testing.T) {
			t.Helper()
			wrong := strings.Join(disagreements(all, site.try(t, all), firewalled), "\n")
			if mutant.wrong == "" && wrong != "" || !strings.Contains(wrong, mutant.wrong) {
				t.Errorf("disagreements, want %q among them:\n%s", mutant.wrong, wrong)
			}
		}
		t.Run("nftables, "+mutant.name, func(t *testing.T) {
			site.server.firewall(t, changed(t, mutant.name, nft, mutant.nft(nft)))
			check(t)
		})
		t.Run("iptables, "+mutant.name, func(t *testing.T) {
			changed(t, mutant.name, four+six, mutant.iptables(four)+mutant.iptables(six))
			site.server.iptables(t, mutant.iptables(four), mutant.iptables(six), "INPUT", "SALLYPORT-IN")
			check(t)
		})
	}
}

// changed returns a mutant, which must be one.
func changed(t *testing.T, name, original, mutant string) string {
	t.Helper()
	if name != "none" && mutant == original {
		t.Fatalf("nothing was changed in\n%s", original)
	}
	return mutant
}

// TestExportDrops has the firewall drop silently, which is the default: what passes passes, and sallyport sees nothing of the rest.
func TestExportDrops(t *testing.T) {
	site := newExportSite(t)
	w := mutantWorld(site)
	s := launch{prefix: site.server.exec, policy: w.Policy()}.start(t, w.Config(site.files))
	all := attempts(w, w.Tuples(rand.New(rand.NewPCG(1, 1)), 60, site.Holds))
	for i := range all {
		if !all[i].passes {
			all[i].within = 200 * time.Millisecond
		}
	}
	site.server.firewall(t, s.exported(t, "nftables"))
	for _, wrong := range disagreements(all, site.try(t, all), dropped) {
		t.Error(wrong)
	}
	for _, r := range s.sessions() {
		if r.text(keyVerdict) != verdictAllow {
			t.Errorf("it got past the firewall: %v", r)
		}
	}
}
