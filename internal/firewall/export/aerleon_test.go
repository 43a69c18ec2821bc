package export

import (
	"bytes"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// aerleonFiles are what aclgen reads.
type aerleonFiles struct {
	t           *testing.T
	policy      aerleonPolicy
	terms       map[string][]aerleonTerm // by the path of includes
	definitions aerleonDefinitions
}

func aerleonFilesOf(t *testing.T, a *Artefact) *aerleonFiles {
	t.Helper()
	f := aerleonFiles{t: t, terms: make(map[string][]aerleonTerm)}
	for _, file := range a.Files {
		d := yaml.NewDecoder(bytes.NewReader(file.Data))
		d.KnownFields(true)
		var terms struct {
			Terms []aerleonTerm `yaml:"terms"`
		}
		into := any(&terms)
		switch file.Name {
		case "policies/pol/sallyport.yaml":
			into = &f.policy
		case "def/sallyport.yaml":
			into = &f.definitions
		}
		if err := d.Decode(into); err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
		if path, isInclude := strings.CutPrefix(file.Name, "policies/includes/"); isInclude {
			f.terms["includes/"+path] = terms.Terms
		}
	}
	return &f
}

// readAerleon reads a policy as aclgen does, and a device what it makes: the first term that matches decides.
func readAerleon(t *testing.T, a *Artefact) device {
	t.Helper()
	f := aerleonFilesOf(t, a)
	f.check()
	return func(d firewall.Direction, p attempt) outcome {
		for _, term := range f.terms["includes/sallyport_"+string(d)+".yaml"] {
			if f.matches(&term, p) {
				if term.Action == "accept" {
					return passed
				}
				return refused
			}
		}
		return foreign
	}
}

func (f *aerleonFiles) matches(term *aerleonTerm, p attempt) bool {
	network := func(token string, a netip.Addr) bool {
		return slices.ContainsFunc(f.definitions.Networks[token].Values, func(v aerleonAddress) bool {
			return netip.MustParsePrefix(v.Address).Contains(a)
		})
	}
	service := func(token string, port uint16) bool {
		return token == "" || slices.ContainsFunc(f.definitions.Services[token], func(s aerleonService) bool {
			r, err := policy.ParsePortRange(s.Port)
			return err == nil && r.Contains(port)
		})
	}
	return (term.Family == "inet") == p.to.Addr().Is4() && network(term.Source, p.from.Addr()) && network(term.Destination, p.to.Addr()) &&
		service(term.SourcePort, p.from.Port()) && service(term.Port, p.to.Port())
}

// check checks what aerleon 1.17 documents (its schemas aerleon-policies and aerleon-definitions, the reference of YAML policies and
// that of names) and the values on which it falls silent: what it does not recognise it leaves out, and the term is open.
func (f *aerleonFiles) check() {
	f.t.Helper()
	for _, filter := range f.policy.Filters {
		for target, options := range filter.Header.Targets {
			if !strings.Contains(options, "mixed") {
				f.t.Errorf("target %s is not for both families: %q", target, options)
			}
		}
		if len(filter.Terms) != 1 || len(f.terms[filter.Terms[0].Path]) == 0 {
			f.t.Errorf("the filter has no terms: %v", filter.Terms)
		}
	}
	if len(f.policy.Filters) == 0 || len(f.policy.Filters) != len(f.terms) {
		f.t.Errorf("%d filters and %d files of terms", len(f.policy.Filters), len(f.terms))
	}
	for path, terms := range f.terms {
		seen := make(map[string]bool)
		for i := range terms {
			f.checkTerm(&terms[i])
			if seen[terms[i].Name] {
				f.t.Errorf("%s has %s twice", path, terms[i].Name)
			}
			seen[terms[i].Name] = true
		}
	}
	f.checkDefinitions()
}

func (f *aerleonFiles) checkTerm(term *aerleonTerm) {
	word := regexp.MustCompile(`^\w+([-_+.@/]\w*)*$`)
	for _, text := range []string{term.Name, term.Source, term.Destination, term.Port, term.Protocol, term.Action, term.Family} {
		if !word.MatchString(text) {
			f.t.Errorf("%s: %q is not a word", term.Name, text)
		}
	}
	if len(term.Name) > aerleonName || term.Owner != "" && !word.MatchString(term.Owner) {
		f.t.Errorf("%s: name or owner %q", term.Name, term.Owner)
	}
	if _, err := time.Parse(time.DateOnly, term.Expiration); term.Expiration != "" && err != nil {
		f.t.Errorf("%s: %v", term.Name, err)
	}
	for line := range strings.Lines(term.Comment) {
		if len(line) > aerleonRemark+1 || strings.ContainsAny(line, "\"'\\*#;{}`$") {
			f.t.Errorf("%s: comment %q", term.Name, line)
		}
	}
	for _, token := range []string{term.Port, term.SourcePort} {
		if token != "" && len(f.definitions.Services[token]) == 0 {
			f.t.Errorf("%s: there is no service %q", term.Name, token)
		}
	}
	for _, token := range []string{term.Source, term.Destination} {
		values := f.definitions.Networks[token].Values
		if len(values) == 0 {
			f.t.Errorf("%s: there is no network %q", term.Name, token)
		}
		for _, v := range values {
			if p, err := netip.ParsePrefix(v.Address); err != nil || p.Masked() != p || p.Addr().Is4() != (term.Family == "inet") {
				f.t.Errorf("%s: %s in a term for %s: %v", term.Name, v.Address, term.Family, err)
			}
		}
	}
	if !slices.Contains([]string{"accept", "deny", "reject"}, term.Action) || term.Protocol != "tcp" {
		f.t.Errorf("%s: %s %s", term.Name, term.Action, term.Protocol)
	}
}

func (f *aerleonFiles) checkDefinitions() {
	token := regexp.MustCompile(`^SP_[-_a-zA-Z0-9]{1,28}$`)
	port := regexp.MustCompile(`^\d+(-\d+)?$`)
	for name := range f.definitions.Networks {
		if !token.MatchString(name) {
			f.t.Errorf("network %q", name)
		}
	}
	for name, services := range f.definitions.Services {
		for _, s := range services {
			if !token.MatchString(name) || !port.MatchString(s.Port) || s.Protocol != "tcp" {
				f.t.Errorf("service %q: %v", name, s)
			}
		}
	}
}

// A term is there on the last day of its rule, and not on the day after.
func TestAerleonExpiration(t *testing.T) {
	f := aerleonFilesOf(t, written(t, "aerleon", deviceMatrix(t, firewall.AtServer), Options{}))
	got := make(map[string]string)
	for _, term := range f.terms["includes/sallyport_inbound.yaml"] {
		if rule, _, _ := strings.Cut(term.Comment, ":"); term.Expiration != "" {
			got[rule] = term.Expiration
		}
	}
	if got["rule tserver-to-config"] != "2027-01-02" || got["rule reporting"] != "2036-06-01" || len(got) != 2 {
		t.Errorf("the expirations are %v", got)
	}
}

func TestAerleonRejects(t *testing.T) {
	f := aerleonFilesOf(t, written(t, "aerleon", deviceMatrix(t, firewall.AtServer), Options{Reject: true}))
	actions := make(map[string]int)
	for _, term := range f.terms["includes/sallyport_inbound.yaml"] {
		actions[term.Action]++
	}
	if actions["deny"] > 0 || actions["reject"] == 0 || actions["accept"] == 0 {
		t.Errorf("the actions are %v", actions)
	}
}
