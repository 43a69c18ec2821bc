package export

import (
	"fmt"
	"net/netip"
	"strings"

	"sallyport/internal/firewall"
)

// What a network security group takes, by "Azure subscription and service limits" (networking limits of Azure Resource
// Manager) and the reference of Microsoft.Network/networkSecurityGroups.
const (
	azureRules       = 1000
	azureAddresses   = 4000 // of sources, and as many of destinations, in all rules together
	azureName        = 80
	azureDescription = 140
	azureFirst       = 100 // priority
	azureLast        = 4096
	azureStep        = 10 // between priorities, as long as they suffice
)

type azureTemplate struct {
	Schema         string                    `json:"$schema"`
	ContentVersion string                    `json:"contentVersion"`
	Metadata       map[string]colophon       `json:"metadata"`
	Parameters     map[string]azureParameter `json:"parameters"`
	Resources      []azureGroup              `json:"resources"`
}

type azureParameter struct {
	Type         string `json:"type"`
	DefaultValue string `json:"defaultValue"`
}

type azureGroup struct {
	Type       string          `json:"type"`
	APIVersion string          `json:"apiVersion"`
	Name       string          `json:"name"`
	Location   string          `json:"location"`
	Properties azureProperties `json:"properties"`
}

type azureProperties struct {
	SecurityRules []azureRule `json:"securityRules"`
}

// azureRule is a rule. Of the singular and the plural of a property there is one, and only the singular takes an asterisk.
type azureRule struct {
	Name       string `json:"name"`
	Properties struct {
		Description string `json:"description"`
		Protocol    string `json:"protocol"`
		Access      string `json:"access"`
		Direction   string `json:"direction"`
		Priority    int    `json:"priority"`

		SourceAddressPrefix        string   `json:"sourceAddressPrefix,omitempty"`
		SourceAddressPrefixes      []string `json:"sourceAddressPrefixes,omitempty"`
		SourcePortRange            string   `json:"sourcePortRange,omitempty"`
		SourcePortRanges           []string `json:"sourcePortRanges,omitempty"`
		DestinationAddressPrefix   string   `json:"destinationAddressPrefix,omitempty"`
		DestinationAddressPrefixes []string `json:"destinationAddressPrefixes,omitempty"`
		DestinationPortRange       string   `json:"destinationPortRange"`
	} `json:"properties"`
}

// writeAzure writes a network security group with a rule for each statement: what is denied first, and at the end that nothing else
// may pass to our ports, because Azure lets the virtual network in.
func writeAzure(m *firewall.Matrix, _ Options) (*Artefact, error) {
	if err := atEnd(m, "a network security group belongs to the network interface or subnet of one end"); err != nil {
		return nil, err
	}
	statements := append(statementsOf(m.Flows), statementsOf(defaults(m))...)
	if err := azureFits(statements); err != nil {
		return nil, err
	}
	losses := lostDays(statements)
	template := azureTemplate{
		Schema:         "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		ContentVersion: "1.0.0.0",
		Metadata:       map[string]colophon{"sallyport": colophonOf(m, azureNotes(), losses)},
		Parameters: map[string]azureParameter{
			"networkSecurityGroupName": {"string", "sallyport"},
			"location":                 {"string", "[resourceGroup().location]"},
		},
		Resources: []azureGroup{{
			Type: "Microsoft.Network/networkSecurityGroups", APIVersion: "2023-09-01",
			Name: "[parameters('networkSecurityGroupName')]", Location: "[parameters('location')]",
			Properties: azureProperties{azureRulesOf(statements)},
		}},
	}
	file, err := jsonFile("sallyport.nsg.json", template)
	return &Artefact{Files: []File{file}, Losses: losses}, err
}

func azureNotes() []string {
	return []string{
		"note: The group is written whole: rules that it has and this template does not are removed. It is to be a group of its own.",
		"note: Azure knows no last day of a rule: export again when one is over.",
		"note: The health probes of Azure's load balancer (168.63.129.16) are denied at these ports like everybody else, unless the policy allows them.",
	}
}

// azureFits refuses what a group does not take.
func azureFits(statements []statement) error {
	const advice = "\n  hint: --application writes one application, and so several groups, for one interface or subnet each"
	sources, destinations := 0, 0
	for i := range statements {
		sources += len(statements[i].sources)
		destinations += len(statements[i].destinations)
	}
	switch {
	case len(statements) > azureRules:
		return fmt.Errorf("%d rules are needed, and a network security group takes %d"+advice, len(statements), azureRules)
	case sources > azureAddresses:
		return fmt.Errorf("%d source addresses are needed, and the rules of a network security group take %d"+advice, sources, azureAddresses)
	case destinations > azureAddresses:
		return fmt.Errorf("%d destination addresses are needed, and the rules of a network security group take %d"+advice, destinations, azureAddresses)
	}
	return nil
}

func azureRulesOf(statements []statement) []azureRule {
	id := names{limit: azureName, prefix: "sp-", others: "._-", fill: "-"}
	step := min(azureStep, (azureLast-azureFirst+1)/max(len(statements), 1))
	next := make(map[firewall.Direction]int) // priorities are unique in each direction
	rules := make([]azureRule, len(statements))
	for i := range statements {
		e := &statements[i]
		rules[i] = azureRuleOf(e)
		rules[i].Name = id.name(e.flow.ID)
		rules[i].Properties.Priority = azureFirst + step*next[e.flow.Direction]
		next[e.flow.Direction]++
	}
	return rules
}

// azureRuleOf returns a rule without name and priority.
func azureRuleOf(e *statement) azureRule {
	var r azureRule
	p := &r.Properties
	p.Description = cut(strings.Join(e.remarks(), "; "), azureDescription)
	p.Protocol, p.Access, p.Direction = "Tcp", "Allow", "Inbound"
	if e.flow.Action == firewall.Deny {
		p.Access = "Deny"
	}
	if e.flow.Direction == firewall.Outbound {
		p.Direction = "Outbound"
	}
	p.SourceAddressPrefix, p.SourceAddressPrefixes = oneOrMany(prefixTexts(e.sources))
	p.DestinationAddressPrefix, p.DestinationAddressPrefixes = oneOrMany(prefixTexts(e.destinations))
	if p.SourcePortRange = "*"; !e.anyPort() {
		var ranges []string
		for _, r := range e.ports {
			ranges = append(ranges, r.String())
		}
		p.SourcePortRange, p.SourcePortRanges = oneOrMany(ranges)
	}
	p.DestinationPortRange = fmt.Sprint(e.port())
	return r
}

func oneOrMany(list []string) (one string, many []string) {
	if len(list) == 1 {
		return list[0], nil
	}
	return "", list
}

// prefixTexts returns prefixes in the notation of networks, single addresses too.
func prefixTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return texts
}

// atEnd refuses the position on the way, where a format has no place.
func atEnd(m *firewall.Matrix, because string) error {
	if m.At == firewall.AtBetween {
		return fmt.Errorf("%s, and cannot be %s\n  hint: --at %s writes it for the servers, --at %s for the clients",
			because, position(m.At), firewall.AtServer, firewall.AtClient)
	}
	return nil
}
