package export

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sallyport/internal/firewall"
)

// readGCP reads rules as the network does: by priority, and of those that match at the same, one that denies first.
func readGCP(t *testing.T, a *Artefact) device {
	t.Helper()
	var c gcpConfiguration
	decode(t, a.Files[0].Data, &c)
	var rules []gcpRule
	for key, r := range c.Resources["google_compute_firewall"] {
		if key != r.Name {
			t.Errorf("%q is %q", key, r.Name)
		}
		checkGCP(t, &r)
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b gcpRule) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(len(a.Allow), len(b.Allow)))
	})
	direction := map[firewall.Direction]string{firewall.Inbound: "INGRESS", firewall.Outbound: "EGRESS"}
	return func(d firewall.Direction, p attempt) outcome {
		for _, r := range rules {
			tags, _, _ := strings.Cut(strings.TrimPrefix(r.TargetTags, `${var.target_tags["sallyport-`), `"`)
			if r.Direction != direction[d] || tags != "" && tags != p.workload {
				continue
			}
			port := append(r.Allow, r.Deny...)[0].Ports[0]
			if gcpHolds(r.SourceRanges, p.from.Addr()) && gcpHolds(r.DestinationRanges, p.to.Addr()) && port == strconv.Itoa(int(p.to.Port())) {
				if len(r.Allow) > 0 {
					return passed
				}
				return refused
			}
		}
		return foreign
	}
}

// gcpHolds reports whether an address is in a list. No list is any address.
func gcpHolds(list []string, a netip.Addr) bool {
	return list == nil || slices.ContainsFunc(list, func(text string) bool { return netip.MustParsePrefix(text).Contains(a) })
}

// checkGCP checks what Google refuses, and what Terraform would take for an expression.
func checkGCP(t *testing.T, r *gcpRule) {
	t.Helper()
	if !regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`).MatchString(r.Name) {
		t.Errorf("%q is no name", r.Name)
	}
	if (len(r.Allow) == 1) == (len(r.Deny) == 1) {
		t.Errorf("%s allows and denies, or neither", r.Name)
	}
	families := make(map[bool]bool)
	for _, text := range slices.Concat(r.SourceRanges, r.DestinationRanges) {
		families[netip.MustParsePrefix(text).Addr().Is4()] = true
	}
	if len(families) != 1 || len(r.SourceRanges) > gcpRanges || len(r.DestinationRanges) > gcpRanges || r.Direction == "INGRESS" && r.SourceRanges == nil {
		t.Errorf("%s: from %v to %v", r.Name, r.SourceRanges, r.DestinationRanges)
	}
	if text := strings.NewReplacer("$${", "", "%%{", "").Replace(r.Description); strings.Contains(text, "${") || strings.Contains(text, "%{") {
		t.Errorf("%s: %q", r.Name, r.Description)
	}
}

// Addresses that are too many for a rule go to several.
func TestGCPSplits(t *testing.T) {
	for _, test := range []struct{ addresses, want int }{{gcpRanges, 2}, {gcpRanges + 1, 3}} { // and the default
		m := crowd(t, test.addresses)
		for i := range m.Flows {
			m.Flows[i].Source.Name = "one"
		}
		a := written(t, "gcp", m, Options{})
		judge := readGCP(t, a)
		var c gcpConfiguration
		decode(t, a.Files[0].Data, &c)
		if got := len(c.Resources["google_compute_firewall"]); got != test.want {
			t.Errorf("%d addresses have %d rules, want %d", test.addresses, got, test.want)
		}
		for i := range m.Flows {
			p := attempt{"a", netip.AddrPortFrom(m.Flows[i].Source.Prefix.Addr(), 1), netip.MustParseAddrPort("10.1.0.4:2021")}
			if got := judge(firewall.Inbound, p); got != passed {
				t.Fatalf("from %s: %s", p.from, got)
			}
		}
	}
}
