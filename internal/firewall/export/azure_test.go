package export

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// decode reads JSON, and refuses members that nobody knows.
func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// readAzure reads a group as Azure does: by priority, the first rule that matches decides.
func readAzure(t *testing.T, a *Artefact) device {
	t.Helper()
	var template azureTemplate
	decode(t, a.Files[0].Data, &template)
	rules := template.Resources[0].Properties.SecurityRules
	checkAzure(t, rules)
	slices.SortFunc(rules, func(a, b azureRule) int { return cmp.Compare(a.Properties.Priority, b.Properties.Priority) })
	return func(d firewall.Direction, p attempt) outcome {
		for _, r := range rules {
			if strings.EqualFold(r.Properties.Direction, string(d)) && azureMatches(&r, p) {
				if r.Properties.Access == "Allow" {
					return passed
				}
				return refused
			}
		}
		return foreign
	}
}

func azureMatches(r *azureRule, p attempt) bool {
	q := &r.Properties
	all := func(one string, many []string) []string {
		if one != "" {
			return []string{one}
		}
		return many
	}
	address := func(list []string, a netip.Addr) bool {
		return slices.ContainsFunc(list, func(text string) bool { return netip.MustParsePrefix(text).Contains(a) })
	}
	port := func(list []string, port uint16) bool {
		return slices.ContainsFunc(list, func(text string) bool {
			r, err := policy.ParsePortRange(text)
			return text == "*" || err == nil && r.Contains(port)
		})
	}
	return q.Protocol == "Tcp" && address(all(q.SourceAddressPrefix, q.SourceAddressPrefixes), p.from.Addr()) &&
		address(all(q.DestinationAddressPrefix, q.DestinationAddressPrefixes), p.to.Addr()) &&
		port(all(q.SourcePortRange, q.SourcePortRanges), p.from.Port()) && port([]string{q.DestinationPortRange}, p.to.Port())
}

// checkAzure checks what Azure refuses.
func checkAzure(t *testing.T, rules []azureRule) {
	t.Helper()
	name := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$`)
	type key struct {
		direction string
		priority  int
	}
	for _, r := range rules {
		p := &r.Properties
		for _, list := range [][]string{p.SourceAddressPrefixes, p.DestinationAddressPrefixes} {
			for i, text := range list {
				for _, other := range list[:i] {
					if a, b := netip.MustParsePrefix(text), netip.MustParsePrefix(other); a.Overlaps(b) || a.Addr().Is4() != b.Addr().Is4() {
						t.Errorf("%s has %s and %s", r.Name, a, b)
					}
				}
			}
		}
	}
	names, priorities := make(map[string]bool), make(map[key]bool)
	for _, r := range rules {
		p := &r.Properties
		at := key{p.Direction, p.Priority}
		switch lower := strings.ToLower(r.Name); {
		case !name.MatchString(r.Name), names[lower]:
			t.Errorf("%q is no name, or another rule's", r.Name)
		case p.Priority < azureFirst, p.Priority > azureLast, priorities[at]:
			t.Errorf("%s has priority %d, which is not one, or another rule's", r.Name, p.Priority)
		case utf8.RuneCountInString(p.Description) > azureDescription, strings.HasPrefix(p.Description, "["):
			t.Errorf("description %q", p.Description)
		case (p.SourceAddressPrefix == "") == (p.SourceAddressPrefixes == nil), (p.SourcePortRange == "") == (p.SourcePortRanges == nil),
			(p.DestinationAddressPrefix == "") == (p.DestinationAddressPrefixes == nil):
			t.Errorf("%s has the singular and the plural, or neither", r.Name)
		default:
			names[lower], priorities[at] = true, true
		}
	}
}

func TestAzureLimits(t *testing.T) {
	tests := []struct {
		name    string
		clients int
		want    string
	}{
		{"as many rules as it takes", azureRules - 1, ""}, // and the default
		{"one more", azureRules, "azure-nsg: 1001 rules are needed, and a network security group takes 1000\n  hint: --application writes one application"},
	}
	f, err := Lookup("azure-nsg")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
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
			readAzure(t, a) // checks the rules
		})
	}
}

func TestAzureAddresses(t *testing.T) {
	spread := func(n int) []netip.Prefix {
		all := make([]netip.Prefix, n)
		at := netip.MustParseAddr("10.0.0.0")
		for i := range all {
			all[i] = netip.PrefixFrom(at, 32)
			at = at.Next().Next()
		}
		return all
	}
	one := prefixList("10.0.0.0/8")
	tests := []struct {
		name                  string
		sources, destinations []netip.Prefix
		want                  string
	}{
		{"all that it takes", spread(azureAddresses), spread(azureAddresses), ""},
		{"a source more", spread(azureAddresses + 1), one, "4001 source addresses are needed, and the rules of a network security group take 4000"},
		{"a destination more", one, spread(azureAddresses + 1), "4001 destination addresses are needed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := azureFits([]statement{{sources: test.sources, destinations: test.destinations}})
			if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
		})
	}
}
