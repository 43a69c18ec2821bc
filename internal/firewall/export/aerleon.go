package export

import (
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// What aerleon and the devices behind it take, by its generator reference and its schemas. It ignores what it does not
// understand, so that a malformed address would open a term to everybody.
const (
	aerleonName   = 48  // of a term or owner; Palo Alto makes a service of a term, which may have 63
	aerleonToken  = 31  // attempt filter cuts off the rest
	aerleonRemark = 100 // of a line; Cisco cuts off the rest

	// aerleonPlain are the characters of comments. They go into the comments of thirty languages.
	aerleonPlain = "._:/@+=,()-"
)

// writeAerleon writes a policy, the terms that it includes for each direction, so that policies of the firewall team can
// include them too, and the definitions. aerleon reads all definitions of a directory as one, hence the prefix of the names.
func writeAerleon(m *firewall.Matrix, o Options) (*Artefact, error) {
	a := aerleon{
		reject:      o.Reject,
		name:        names{limit: aerleonName, prefix: "sp-", others: "_-", fill: "-"},
		token:       names{limit: aerleonToken, prefix: "SP_", others: "_", fill: "_"},
		terms:       make(map[firewall.Direction][]aerleonTerm),
		definitions: aerleonDefinitions{make(map[string]aerleonNetwork), make(map[string][]aerleonService)},
	}
	for _, e := range append(statementsOf(m.Flows), statementsOf(defaults(m))...) {
		a.term(&e)
	}
	title := append(head(m), aerleonNotes()...)
	var p aerleonPolicy
	files := make([]File, 1)
	for _, d := range []firewall.Direction{firewall.Inbound, firewall.Outbound, firewall.Transit} {
		if len(a.terms[d]) == 0 {
			continue
		}
		include := "includes/sallyport_" + string(d) + ".yaml"
		p.Filters = append(p.Filters, aerleonFilterOf(m, d, include))
		f, err := termsFile("policies/"+include, title, a.terms[d])
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	definitions, err := definitionsFile("def/sallyport.yaml", title, &a.definitions)
	if err != nil {
		return nil, err
	}
	out := commented(title)
	if err := encodeYAML(out, p); err != nil {
		return nil, err
	}
	files[0] = File{Name: "policies/pol/sallyport.yaml", Data: out.Bytes()}
	return &Artefact{Files: append(files, definitions)}, nil
}

func aerleonNotes() []string {
	return []string{
		"note: The files go to where aclgen looks for them: policies/ and def/. Targets, and the names of filters and zones, are proposals; " +
			"to keep your own, include the terms in a policy of yours.",
		"note: There is no last word about other traffic. Most devices deny what no term names, so the terms are to become part of what a device has.",
		"note: A target without connection tracking (cisco, juniper) needs a term for the way back (option tcp-established) in its other filter.",
		"note: A term is left out from its expiration on, when aclgen is run: run it every day.",
		"note: Each term is for one address family. A target has to be for both (mixed): otherwise some generators open a term to everybody.",
	}
}

func aerleonFilterOf(m *firewall.Matrix, d firewall.Direction, include string) aerleonFilter {
	var f aerleonFilter
	f.Header.Comment = aerleonText([]string{
		"Made by sallyport from its policy",
		"policy " + policyText(&m.Header),
		"to become part of what a device has - other traffic is not named here",
	})
	f.Header.Targets = map[string]string{
		"cisco":    "sallyport-" + string(d) + " mixed",
		"juniper":  "sallyport-" + string(d) + "- mixed",
		"paloalto": "from-zone clients to-zone servers mixed",
		"srx":      "from-zone clients to-zone servers mixed",
	}
	switch d { // it knows no other hooks, and its comments are of one line
	case firewall.Inbound:
		f.Header.Targets["nftables"] = "mixed input ACCEPT noverbose"
	case firewall.Outbound:
		f.Header.Targets["nftables"] = "mixed output ACCEPT noverbose"
	}
	f.Terms = []aerleonInclude{{include}}
	return f
}

// aerleon is a policy in the making.
type aerleon struct {
	reject      bool
	name, token names
	terms       map[firewall.Direction][]aerleonTerm
	definitions aerleonDefinitions
}

// term adds the term of a statement.
func (a *aerleon) term(e *statement) {
	f := e.flow
	t := aerleonTerm{
		Name:        a.name.name(f.ID),
		Comment:     aerleonText(e.remarks()),
		Owner:       aerleonOwner(f.Owner),
		Family:      "inet",
		Source:      a.network(f.Source.Name, e.sources),
		Destination: a.network(f.Destination.Name, e.destinations),
		Port:        a.service(f.Destination.Name, []policy.PortRange{f.Destination.Ports}),
		Protocol:    "tcp",
		Action:      a.action(f.Action),
	}
	if e.v6() {
		t.Family = "inet6"
	}
	if !e.anyPort() {
		t.SourcePort = a.service(f.Source.Name, e.ports)
	}
	if last := f.Expires; !last.IsZero() {
		t.Expiration = policy.DayText(last.UTC().AddDate(0, 0, 1)) // on the day itself aclgen leaves the term out
	}
	a.terms[f.Direction] = append(a.terms[f.Direction], t)
}

func (a *aerleon) action(of firewall.Action) string {
	switch {
	case of == firewall.Permit:
		return "accept"
	case a.reject:
		return "reject"
	default:
		return "deny"
	}
}

// network returns the name of addresses, which it defines.
func (a *aerleon) network(of string, prefixes []netip.Prefix) string {
	texts := prefixTexts(prefixes)
	token := a.define(of, "addresses", texts)
	values := make([]aerleonAddress, len(texts))
	for i, text := range texts {
		values[i] = aerleonAddress{text, ascii(of, aerleonPlain)}
	}
	a.definitions.Networks[token] = aerleonNetwork{values}
	return token
}

// service returns the name of ports, which it defines.
func (a *aerleon) service(of string, ports []policy.PortRange) string {
	var values []aerleonService
	var texts []string
	for _, r := range ports {
		texts = append(texts, r.String())
		values = append(values, aerleonService{r.String(), "tcp", ascii(of, aerleonPlain)})
	}
	token := a.define(of, "ports", texts)
	a.definitions.Services[token] = values
	return token
}

// define returns a token for what belongs to somebody, the same for the same.
func (a *aerleon) define(of, what string, texts []string) string {
	if of == "" {
		of = texts[0]
	}
	return a.token.name(strings.ToUpper(of) + " " + fingerprint(strings.Join(append([]string{of, what}, texts...), "\n"))[:8])
}

// aerleonOwner returns an owner as the word that it has to be, if there is one in it.
func aerleonOwner(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !alphanumeric(r) })
	word := strings.Join(words, "_")
	return word[:min(len(word), aerleonName)]
}

// aerleonText returns lines of a comment.
func aerleonText(lines []string) string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		lines[i] = cut(strings.TrimSpace(ascii(line, aerleonPlain)), aerleonRemark)
	}
	return strings.Join(lines, "\n")
}
