// Package export writes a matrix of flows for the devices that enforce it and for the people who review it.
//
// What it writes is the same for the same matrix and options, byte for byte: no clock is read, and what is kept in maps is
// written in the order of its keys.
package export

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/firewall"
)

// Format is one way to write a matrix.
type Format struct {
	Name    string
	Summary string // for help texts
	Weaker  bool   // it cannot hold source ports, so the artefact opens more than the policy
	write   func(*firewall.Matrix, Options) (*Artefact, error)
}

// Formats returns all formats, in the order of documents. The slice is the caller's.
func Formats() []Format {
	return []Format{
		{"csv", "the port matrix, one line for each flow (RFC 4180)", false, writeCSV},
		{"html", "the port matrix as a page to read, filter and print", false, writeHTML},
		{"nftables", "a table of its own for nft -f", false, writeNftables},
		{"iptables", "chains of their own for iptables-restore --noflush, IPv4", false, writeIptables},
		{"ip6tables", "the same for ip6tables-restore, IPv6", false, writeIp6tables},
		{"aerleon", "policy and definitions in YAML, which aerleon turns into rules of some thirty vendors", false, writeAerleon},
		{"cisco-asa", "object groups and an access list", false, writeASA},
		{"azure-nsg", "a network security group as a template for Azure Resource Manager", false, writeAzure},
		{"kubernetes", "a NetworkPolicy", true, writeKubernetes},
		{"aws-sg", "a security group as a CloudFormation template", true, writeAWS},
		{"gcp", "VPC firewall rules in the JSON of Terraform", true, writeGCP},
	}
}

// Lookup returns the format of a name. The error lists those that there are.
func Lookup(name string) (Format, error) {
	formats := Formats()
	names := make([]string, len(formats))
	for i, f := range formats {
		if names[i] = f.Name; f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("there is no target %q: it is one of %s", name, strings.Join(names, ", "))
}

// Options are what an artefact can be asked for. Formats ignore what they have no use for.
type Options struct {
	// Reject answers what is denied; otherwise it is dropped silently.
	Reject bool

	// Limits has the firewall hold rates as well, where it can.
	Limits bool

	// Reproducible leaves out what depends on the moment of the export.
	Reproducible bool
}

// Artefact is what an export consists of.
type Artefact struct {
	Files  []File // one, unless the format needs several
	Losses []Loss // by rule
}

// File is one file of an artefact.
type File struct {
	Name string // relative, with slashes
	Data []byte
}

// Loss is a restriction of the policy that an artefact does not hold.
type Loss struct {
	Rule string // of the flow
	What string // "source ports 20001-20004 of t-server-east (10.2.0.5) to config-server/secure"
}

// String returns the loss as one line, the same in artefacts and on terminals.
func (l Loss) String() string {
	return oneLine(fmt.Sprintf("weaker than the policy: rule %s: %s", l.Rule, l.What))
}

// Write writes a matrix. Losses are in the artefact itself, too.
func (f *Format) Write(m *firewall.Matrix, o Options) (*Artefact, error) {
	a, err := f.write(m, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	slices.SortStableFunc(a.Losses, func(x, y Loss) int { return strings.Compare(x.Rule, y.Rule) })
	return a, nil
}
