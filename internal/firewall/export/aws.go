package export

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/firewall"
)

// What security groups take, by "Amazon VPC quotas", "CloudFormation quotas" and the reference of AWS::EC2::SecurityGroup.
const (
	awsResources   = 500 // of a template
	awsRules       = 60  // of a group, in each direction and family
	awsGroups      = 5   // on a network interface
	awsDescription = 255
	awsName        = 255

	// awsPlain are characters of descriptions. AWS allows some more, but CloudFormation looks for references between braces.
	awsPlain = "._-:/()#,@[]+=&;!*"
)

type awsTemplate struct {
	Version     string                  `json:"AWSTemplateFormatVersion"`
	Description string                  `json:"Description"`
	Metadata    map[string]colophon     `json:"Metadata"`
	Parameters  map[string]awsParameter `json:"Parameters"`
	Resources   map[string]awsGroup     `json:"Resources"`
}

type awsParameter struct {
	Type string `json:"Type"`
}

type awsGroup struct {
	Type       string        `json:"Type"`
	Properties awsProperties `json:"Properties"`
}

type awsProperties struct {
	// GroupDescription never changes: a group with another one is another group to CloudFormation.
	GroupDescription     string            `json:"GroupDescription"`
	VPC                  map[string]string `json:"VpcId"`
	SecurityGroupIngress []awsRule         `json:"SecurityGroupIngress,omitempty"`
	SecurityGroupEgress  []awsRule         `json:"SecurityGroupEgress,omitempty"`
}

type awsRule struct {
	Protocol    string `json:"IpProtocol"`
	FromPort    uint16 `json:"FromPort"`
	ToPort      uint16 `json:"ToPort"`
	IPv4        string `json:"CidrIp,omitempty"`
	IPv6        string `json:"CidrIpv6,omitempty"`
	Description string `json:"Description"`
}

// writeAWS writes a security group for each application, and for each client at the clients' side: several where one does
// not take all rules.
func writeAWS(m *firewall.Matrix, _ Options) (*Artefact, error) {
	if err := atEnd(m, "a security group belongs to the network interfaces of one end"); err != nil {
		return nil, err
	}
	statements := permits(statementsOf(m.Flows))
	losses := slices.Concat(lostPorts(statements), lostDays(statements))
	about := colophonOf(m, awsNotes(), losses)
	template := awsTemplate{
		Version:     "2010-09-09",
		Description: "Security groups made by sallyport from its policy. They are weaker than the policy, see Metadata.",
		Metadata:    map[string]colophon{"sallyport": about},
		Parameters:  map[string]awsParameter{"VpcId": {"AWS::EC2::VPC::Id"}},
		Resources:   make(map[string]awsGroup),
	}
	id := names{limit: awsName, prefix: "Sallyport", camel: true}
	blocks := blocksOf(m)
	for _, w := range workloadsOf(m, statements) {
		groups, err := awsGroupsOf(&w, blocks)
		if err != nil {
			return nil, err
		}
		for i, g := range groups {
			text := w.name
			if i > 0 {
				text = fmt.Sprintf("%s part %d", w.name, i+1)
			}
			g.Properties.GroupDescription = cut("sallyport "+ascii(text, awsPlain), awsDescription)
			template.Resources[id.name(text)] = g
		}
	}
	if len(template.Resources) == 0 {
		return nil, errors.New("there is no port and no connection to write a security group for, and a template needs one")
	}
	if len(template.Resources) > awsResources {
		return nil, fmt.Errorf("%d security groups are needed, and a template takes %d resources"+
			"\n  hint: --application writes one application, --client one client", len(template.Resources), awsResources)
	}
	for _, list := range [][]string{about.Header, about.Weaker} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "{{", "{ {")
		}
	}
	file, err := jsonFile("sallyport.sg.json", template)
	return &Artefact{Files: []File{file}, Losses: losses}, err
}

func awsNotes() []string {
	return []string{
		"note: Groups add up and cannot deny. What another group of the same interface allows, a block of sallyport's policy does not take away.",
		"note: Everything else is denied in a direction in which a group has rules, and always inbound. A group without egress rules gets one that lets everything out.",
		"note: Addresses of the own side are not held: the groups are for whatever they are attached to.",
		"note: Several groups of one workload (Part2, Part3) are to be attached together.",
	}
}

// awsGroupsOf returns the groups of a workload: one, unless it has too many rules.
func awsGroupsOf(w *workload, b blocks) ([]awsGroup, error) {
	in := awsSplit(awsRulesOf(w.in, b.open))
	out := awsSplit(awsRulesOf(w.out, func(e *statement) []netip.Prefix {
		if len(b.open(e)) == 0 {
			return nil
		}
		return e.destinations
	}))
	count := max(len(in), len(out), 1)
	if count > awsGroups {
		return nil, fmt.Errorf("%s needs %d security groups of %d rules for each family, and a network interface takes %d groups"+
			"\n  hint: allow prefixes instead of single addresses, or have the addresses in prefix lists of your own", oneLine(w.name), count, awsRules, awsGroups)
	}
	groups := make([]awsGroup, count)
	for i := range groups {
		g := &groups[i]
		g.Type = "AWS::EC2::SecurityGroup"
		g.Properties.VPC = map[string]string{"Ref": "VpcId"}
		if i < len(in) {
			g.Properties.SecurityGroupIngress = in[i]
		}
		if i < len(out) {
			g.Properties.SecurityGroupEgress = out[i]
		}
	}
	return groups, nil
}

// awsRulesOf returns a rule for each port and prefix, each once, because AWS refuses a second one.
func awsRulesOf(statements []statement, prefixes func(*statement) []netip.Prefix) []awsRule {
	type tuple struct {
		port   uint16
		prefix netip.Prefix
	}
	remarks := make(map[tuple][]string)
	var order []tuple
	for i := range statements {
		e := &statements[i]
		for _, p := range prefixes(e) {
			t := tuple{e.port(), p}
			if remarks[t] == nil {
				order = append(order, t)
			}
			remarks[t] = append(remarks[t], strings.Join(e.remarks(), "; "))
		}
	}
	rules := make([]awsRule, len(order))
	for i, t := range order {
		text := cut(ascii(strings.Join(remarks[t], ". "), awsPlain), awsDescription)
		rules[i] = awsRule{Protocol: "tcp", FromPort: t.port, ToPort: t.port, Description: text}
		if t.prefix.Addr().Is4() {
			rules[i].IPv4 = t.prefix.String()
		} else {
			rules[i].IPv6 = t.prefix.String()
		}
	}
	return rules
}

// awsSplit divides rules among groups, in their order.
func awsSplit(rules []awsRule) [][]awsRule {
	var groups [][]awsRule
	var four, six int
	for _, r := range rules {
		count := &four
		if r.IPv6 != "" {
			count = &six
		}
		at := *count / awsRules
		*count++
		if at == len(groups) {
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], r)
	}
	return groups
}
