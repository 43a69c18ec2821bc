package export

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/firewall"
)

// readAWS reads groups as a network interface does that has all of a workload: they add up.
func readAWS(t *testing.T, a *Artefact) device {
	t.Helper()
	var template awsTemplate
	decode(t, a.Files[0].Data, &template)
	checkAWS(t, &template)
	if strings.Contains(string(a.Files[0].Data), "{{") {
		t.Error("there is a dynamic reference in it")
	}
	return func(d firewall.Direction, p attempt) outcome {
		result := foreign
		for _, g := range template.Resources {
			name, _, _ := strings.Cut(strings.TrimPrefix(g.Properties.GroupDescription, "sallyport "), " part ")
			if name != p.workload {
				continue
			}
			rules, peer := g.Properties.SecurityGroupIngress, p.from.Addr()
			if d == firewall.Outbound {
				rules, peer = g.Properties.SecurityGroupEgress, p.to.Addr()
			}
			result = refused
			if slices.ContainsFunc(rules, func(r awsRule) bool {
				return r.FromPort <= p.to.Port() && p.to.Port() <= r.ToPort && netip.MustParsePrefix(r.IPv4+r.IPv6).Contains(peer)
			}) {
				return passed
			}
		}
		return result
	}
}

// checkAWS checks what AWS refuses.
func checkAWS(t *testing.T, template *awsTemplate) {
	t.Helper()
	id := regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)
	text := regexp.MustCompile(`^[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}$`)
	type tuple struct {
		port uint16
		cidr string
	}
	for name, g := range template.Resources {
		if !id.MatchString(name) || !text.MatchString(g.Properties.GroupDescription) || g.Properties.GroupDescription == "" {
			t.Errorf("%q: %q", name, g.Properties.GroupDescription)
		}
		for _, rules := range [][]awsRule{g.Properties.SecurityGroupIngress, g.Properties.SecurityGroupEgress} {
			seen := make(map[tuple]bool)
			six := 0
			for _, r := range rules {
				at := tuple{r.FromPort, r.IPv4 + r.IPv6}
				if seen[at] || (r.IPv4 == "") == (r.IPv6 == "") || netip.MustParsePrefix(at.cidr).Masked().String() != at.cidr || !text.MatchString(r.Description) {
					t.Errorf("%s: %+v", name, r)
				}
				seen[at] = true
				if r.IPv6 != "" {
					six++
				}
			}
			if six > awsRules || len(rules)-six > awsRules {
				t.Errorf("%s has %d rules, %d of them IPv6", name, len(rules), six)
			}
		}
	}
}

func TestAWSLimits(t *testing.T) {
	f, err := Lookup("aws-sg")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name            string
		clients, groups int
		want            string
	}{
		{"a group", awsRules, 1, ""},
		{"one more rule", awsRules + 1, 2, ""},
		{"all groups", awsRules * awsGroups, awsGroups, ""},
		{"too many", awsRules*awsGroups + 1, 0, "aws-sg: a needs 6 security groups of 60 rules for each family, and a network interface takes 5 groups\n  hint: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := f.Write(crowd(t, test.clients), Options{})
			if test.want != "" {
				if a != nil || err == nil || !strings.HasPrefix(err.Error(), test.want) {
					t.Errorf("the error is %v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var template awsTemplate
			decode(t, a.Files[0].Data, &template)
			checkAWS(t, &template)
			if len(template.Resources) != test.groups {
				t.Errorf("%d groups, want %d", len(template.Resources), test.groups)
			}
		})
	}
}
