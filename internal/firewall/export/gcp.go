package export

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/firewall"
)

// What VPC firewall rules take, by the reference of the Compute Engine API (v1, firewalls).
const (
	gcpName        = 63
	gcpDescription = 1024
	gcpRanges      = 256 // of sources, and of destinations
)

// gcpPriorities of blocks, of what is allowed and of the denial at the end. At the same priority, deny wins.
const (
	gcpBlock   = 900
	gcpAllow   = 1000
	gcpDefault = 1100
)

type gcpConfiguration struct {
	About     colophon                      `json:"//"`
	Variables map[string]gcpVariable        `json:"variable"`
	Resources map[string]map[string]gcpRule `json:"resource"`
}

type gcpVariable struct {
	Type        string              `json:"type"`
	Description string              `json:"description"`
	Default     map[string][]string `json:"default,omitempty"`
}

type gcpRule struct {
	Name              string        `json:"name"`
	Network           string        `json:"network"`
	Description       string        `json:"description"`
	Direction         string        `json:"direction"`
	Priority          int           `json:"priority"`
	Allow             []gcpProtocol `json:"allow,omitempty"`
	Deny              []gcpProtocol `json:"deny,omitempty"`
	SourceRanges      []string      `json:"source_ranges,omitempty"`
	DestinationRanges []string      `json:"destination_ranges,omitempty"`
	TargetTags        string        `json:"target_tags,omitempty"`
}

type gcpProtocol struct {
	Protocol string   `json:"protocol"`
	Ports    []string `json:"ports"`
}

// writeGCP writes firewall rules for Terraform. They are the whole network's, so each is for the destinations that it names, or
// for the machines with the tag of an application.
func writeGCP(m *firewall.Matrix, _ Options) (*Artefact, error) {
	if err := atEnd(m, "VPC firewall rules are enforced at the machines of one end"); err != nil {
		return nil, err
	}
	statements := statementsOf(m.Flows)
	losses := slices.Concat(lostPorts(statements), lostDays(statements))
	g := gcp{
		host:  m.At == firewall.AtHost,
		rules: make(map[string]gcpRule),
		tags:  make(map[string][]string),
		id:    names{limit: gcpName, prefix: "sallyport-", others: "-", fill: "-", lower: true},
		tag:   names{limit: gcpName, prefix: "sallyport-", others: "-", fill: "-", lower: true},
	}
	for _, e := range append(withoutPorts(statements), statementsOf(defaults(m))...) {
		g.statement(&e)
	}
	about := colophonOf(m, gcpNotes(), losses)
	for _, list := range [][]string{about.Header, about.Weaker} {
		for i := range list {
			list[i] = literal(list[i])
		}
	}
	configuration := gcpConfiguration{
		About:     about,
		Variables: map[string]gcpVariable{"network": {Type: "string", Description: "name of the VPC network"}},
		Resources: map[string]map[string]gcpRule{"google_compute_firewall": g.rules},
	}
	if len(g.tags) > 0 {
		configuration.Variables["target_tags"] = gcpVariable{
			Type: "map(list(string))", Description: "network tags of the machines of each application", Default: g.tags,
		}
	}
	file, err := jsonFile("sallyport.tf.json", configuration)
	return &Artefact{Files: []File{file}, Losses: losses}, err
}

func gcpNotes() []string {
	return []string{
		fmt.Sprintf("note: The priorities are %d for blocks, %d for what is allowed and %d for the denial of everything else at these ports: "+
			"rules of the network with smaller numbers go before.", gcpBlock, gcpAllow, gcpDefault),
		"note: Health probes and proxies of Google's load balancers are denied at these ports like everybody else, unless the policy allows them.",
	}
}

// gcp is a configuration in the making.
type gcp struct {
	host    bool // it is about this host alone
	rules   map[string]gcpRule
	tags    map[string][]string // by application
	id, tag names
}

// statement adds the rules of a statement, of which there is one unless its addresses are many.
func (g *gcp) statement(e *statement) {
	r := gcpRule{
		Network: "${var.network}", Direction: "INGRESS", Priority: gcpAllow,
		Description: literal(cut(strings.Join(e.remarks(), "; "), gcpDescription)),
	}
	protocols := []gcpProtocol{{"tcp", []string{fmt.Sprint(e.port())}}}
	switch {
	case e.flow.Action == firewall.Permit:
		r.Allow = protocols
	case e.flow.Origin == firewall.FromBlock:
		r.Deny, r.Priority = protocols, gcpBlock
	default:
		r.Deny, r.Priority = protocols, gcpDefault
	}
	if e.flow.Direction == firewall.Outbound {
		r.Direction = "EGRESS"
	}
	if e.destinations[0].Bits() == 0 || g.host && e.flow.Direction == firewall.Outbound { // or it would be about every machine
		r.TargetTags = g.tagsOf(application(e.flow.Destination.Name))
	}
	part := 0
	inbound := e.flow.Direction != firewall.Outbound
	for sources := range slices.Chunk(prefixTexts(e.sources), gcpRanges) {
		for destinations := range slices.Chunk(prefixTexts(e.destinations), gcpRanges) {
			text := e.flow.ID
			if part++; part > 1 {
				text = fmt.Sprintf("%s part %d", text, part)
			}
			r.Name = g.id.name(text)
			r.SourceRanges, r.DestinationRanges = sources, destinations
			if !inbound && e.sources[0].Bits() == 0 {
				r.SourceRanges = nil
			}
			if inbound && e.destinations[0].Bits() == 0 {
				r.DestinationRanges = nil
			}
			g.rules[r.Name] = r
		}
	}
}

// tagsOf returns the expression for the tags of an application's machines.
func (g *gcp) tagsOf(application string) string {
	tag := g.tag.name(application)
	g.tags[tag] = []string{tag}
	return fmt.Sprintf("${var.target_tags[%q]}", tag)
}

// literal returns text in which Terraform finds no expressions.
func literal(text string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
}
