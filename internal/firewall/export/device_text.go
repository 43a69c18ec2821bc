package export

import (
	"fmt"
	"net/netip"
	"strings"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// remarks says what people have to know of a statement, in lines without anything that could end them. The first says what it is.
func (e *statement) remarks() []string {
	f := e.flow
	what, reason := f.Rule, f.Reason
	switch f.Origin {
	case firewall.FromRule:
		what = "rule " + what
	case firewall.FromBlock:
		what = "block " + what
	case fromDefault:
		reason = ""
	}
	lines := []string{fmt.Sprintf("%s: %s to %s", what, e.who(), f.Destination.Name)}
	for _, fact := range []struct{ name, text string }{
		{"last day", lastDay(f)}, {"owner", f.Owner}, {"ticket", f.Ticket}, {"reason", reason}, // what matters most is not cut off
	} {
		if fact.text != "" {
			lines = append(lines, fact.name+" "+fact.text)
		}
	}
	for i := range lines {
		lines[i] = oneLine(lines[i])
	}
	return lines
}

// who returns the client, or the sources where it has no name.
func (e *statement) who() string {
	switch {
	case e.flow.Source.Name != "":
		return e.flow.Source.Name
	case e.flow.Origin == fromDefault:
		return "everybody else"
	default:
		return sourceText(e.sources)
	}
}

// lostPorts returns what of statements is lost on a device without source ports.
func lostPorts(statements []statement) []Loss {
	var all []Loss
	for i := range statements {
		if e := &statements[i]; !e.anyPort() {
			all = append(all, e.loss("source ports "+portText(e.ports)))
		}
	}
	return all
}

// lostDays returns what of statements is lost on a device without dates.
func lostDays(statements []statement) []Loss {
	var all []Loss
	for i := range statements {
		if e := &statements[i]; !e.flow.Expires.IsZero() {
			all = append(all, e.loss("last day "+lastDay(e.flow)))
		}
	}
	return all
}

// loss says which restriction of a statement is lost.
func (e *statement) loss(what string) Loss {
	who := e.who()
	if e.flow.Source.Name != "" {
		who += " (" + sourceText(e.sources) + ")"
	}
	return Loss{Rule: e.flow.Rule, What: fmt.Sprintf("%s of %s to %s", what, who, e.flow.Destination.Name)}
}

// lossLines returns losses as an artefact names them.
func lossLines(losses []Loss) []string {
	lines := make([]string, len(losses))
	for i, l := range losses {
		lines[i] = l.String()
	}
	return lines
}

// few is how many of something a line for people has.
const few = 8

func sourceText(prefixes []netip.Prefix) string {
	texts := make([]string, 0, few)
	for _, p := range prefixes[:min(len(prefixes), few)] {
		texts = append(texts, policy.PrefixText(p))
	}
	return listing(texts, len(prefixes))
}

func portText(ports []policy.PortRange) string {
	texts := make([]string, 0, few)
	for _, r := range ports[:min(len(ports), few)] {
		texts = append(texts, r.String())
	}
	return listing(texts, len(ports))
}

func listing(texts []string, total int) string {
	list := strings.Join(texts, ", ")
	if more := total - len(texts); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// ascii returns text of ASCII letters, digits, spaces and the other characters that are named, for places where something else
// could end a comment, begin an expression or be refused.
func ascii(text, others string) string {
	return strings.Map(func(r rune) rune {
		if alphanumeric(r) || r == ' ' || strings.ContainsRune(others, r) {
			return r
		}
		return '_'
	}, text)
}

// cut returns text of a limited number of characters. It shows where something is missing.
func cut(text string, limit int) string {
	const mark = "..."
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-len(mark)]) + mark
}
