package export

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// column is a column of the port matrix.
type column struct {
	name  string
	title string // on the page; empty if it has no such column
	text  func(*entry) string
	read  func(*draft, string) error // nil if it is not read
}

// columns returns all columns in their order. Those up to the policy's hash are what reviews ask for everywhere; new ones go to the end.
func columns() []column {
	return []column{
		textColumn("rule-id", "rule", func(f *firewall.Flow) *string { return &f.Rule }),
		wordColumn("action", "action", func(f *firewall.Flow) *firewall.Action { return &f.Action }, firewall.Permit, firewall.Deny),
		{"protocol", "", func(*entry) string { return "tcp" }, trimmed(readProtocol)},
		textColumn("src-name", "source", func(f *firewall.Flow) *string { return &f.Source.Name }),
		{"src-ip", "source address", func(e *entry) string { return prefixCell(e.Source.Prefix) }, trimmed(readSource)},
		{"src-port", "source ports", func(e *entry) string { return portsCell(e.Source.Ports) }, trimmed(readSourcePorts)},
		textColumn("dst-name", "destination", func(f *firewall.Flow) *string { return &f.Destination.Name }),
		{"dst-ip", "destination address", func(e *entry) string { return prefixCell(e.Destination.Prefix) }, trimmed(readDestination)},
		{"dst-port", "port", func(e *entry) string { return portsCell(e.Destination.Ports) }, trimmed(readDestinationPort)},
		wordColumn("direction", "direction", func(f *firewall.Flow) *firewall.Direction { return &f.Direction }, firewall.Inbound, firewall.Outbound, firewall.Transit),
		wordColumn("tls-mode", "TLS", func(f *firewall.Flow) *string { return &f.TLS }, policy.TLSRequired.String(), policy.TLSAny.String(), policy.PlaintextOnly.String(), ""),
		{"client-identity", "identity, any of", func(e *entry) string { return identitiesCell(e.Identities) }, trimmed(readIdentities)},
		countColumn("max-connections", "connections at once", func(f *firewall.Flow) *int { return &f.MaxConnections }),
		textColumn("owner", "owner", func(f *firewall.Flow) *string { return &f.Owner }),
		textColumn("ticket", "ticket", func(f *firewall.Flow) *string { return &f.Ticket }),
		textColumn("reason", "reason", func(f *firewall.Flow) *string { return &f.Reason }),
		dayColumn("valid-from", "valid from", func(f *firewall.Flow) *time.Time { return &f.ValidFrom }),
		dayColumn("valid-until", "valid until", func(f *firewall.Flow) *time.Time { return &f.Expires }),
		{"policy-hash", "", func(e *entry) string { return e.matrix.Header.PolicyHash }, nil},

		textColumn("flow-id", "flow", func(f *firewall.Flow) *string { return &f.ID }),
		wordColumn("origin", "", func(f *firewall.Flow) *firewall.Origin { return &f.Origin }, origins()...),
		{"family", "family", func(e *entry) string { return familyName(e.Destination.Prefix.Addr().BitLen()) }, trimmed(readFamily)},
		{"rate", "rate", func(e *entry) string { return e.Rate.String() }, trimmed(readRate)},
		countColumn("burst", "burst", func(f *firewall.Flow) *int { return &f.Burst }),
		{"counted-by", "counted by", func(e *entry) string { return e.CountedBy() }, trimmed(readCountedBy)},
		{"dst-host", "resolved from", (*entry).hostNames, nil},
		{"resolved", "", (*entry).resolved, nil},
		{"position", "", func(e *entry) string { return string(e.matrix.At) }, nil},
		{"host", "", func(e *entry) string { return e.matrix.Header.Host }, nil},
		{"generation", "", func(e *entry) string { return generationCell(e.matrix.Header.Generation) }, nil},
		{"made", "", func(e *entry) string { return momentCell(e.matrix.Header.Made) }, nil},
		{"about", "", func(e *entry) string { return e.about }, nil},
	}
}

// required names the columns without which there are no flows.
func required() []string {
	return []string{"rule-id", "action", "src-ip", "src-port", "dst-ip", "dst-port", "direction"}
}

func origins() []firewall.Origin {
	return []firewall.Origin{firewall.FromRule, firewall.FromBlock, firewall.FromAudit, firewall.FromBalancer, firewall.FromPin, fromDefault, ""}
}

func textColumn(name, title string, field func(*firewall.Flow) *string) column {
	return column{name, title, func(e *entry) string { return *field(e.Flow) }, func(d *draft, text string) error {
		*field(&d.Flow) = text
		return nil
	}}
}

// wordColumn is one of some words, and nothing else is read.
func wordColumn[T ~string](name, title string, field func(*firewall.Flow) *T, words ...T) column {
	return column{name, title, func(e *entry) string { return string(*field(e.Flow)) }, trimmed(func(d *draft, text string) error {
		for _, word := range words {
			if strings.EqualFold(text, string(word)) {
				*field(&d.Flow) = word
				return nil
			}
		}
		return notOneOf(text, words)
	})}
}

func countColumn(name, title string, field func(*firewall.Flow) *int) column {
	return column{name, title, func(e *entry) string { return countCell(*field(e.Flow)) }, trimmed(func(d *draft, text string) error {
		n, err := strconv.ParseUint(text, 10, 31)
		if text != "" && (err != nil || n == 0) {
			return &policy.Malformed{Problem: fmt.Sprintf("%.40q is no number of connections", text), Hint: "leave it empty for no limit"}
		}
		*field(&d.Flow) = int(n)
		return nil
	})}
}

func dayColumn(name, title string, field func(*firewall.Flow) *time.Time) column {
	return column{name, title, func(e *entry) string { return policy.DayText(*field(e.Flow)) }, trimmed(func(d *draft, text string) (err error) {
		if text == "" {
			return nil
		}
		if *field(&d.Flow), err = time.Parse(time.DateOnly, text); err != nil {
			return &policy.Malformed{Problem: fmt.Sprintf("%.40q is no day", text), Hint: "write 2026-01-31; a spreadsheet keeps it so in cells that are formatted as text"}
		}
		return nil
	})}
}

const anyCell = "any"

func prefixCell(p netip.Prefix) string {
	if p.Bits() == 0 {
		return anyCell
	}
	return policy.PrefixText(p)
}

func portsCell(r policy.PortRange) string {
	switch {
	case firewall.IsAnyPort(r):
		return anyCell
	case r == policy.PortRange{}:
		return ""
	default:
		return r.String()
	}
}

// identitiesCell joins identities with semicolons; one that is part of an identity has a backslash in front.
func identitiesCell(list []policy.Identity) string {
	texts := make([]string, len(list))
	for i, id := range list {
		texts[i] = strings.ReplaceAll(strings.ReplaceAll(id.String(), `\`, `\\`), `;`, `\;`)
	}
	return strings.Join(texts, "; ")
}

func countCell(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func generationCell(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func momentCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// familyName returns the word for addresses of so many bits.
func familyName(bits int) string {
	switch bits {
	case 32:
		return "ipv4"
	case 128:
		return "ipv6"
	default:
		return ""
	}
}
