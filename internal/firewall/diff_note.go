package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sallyport/policy"
)

// annotation is what is said of a flow besides its tuple: one text for each of annotationNames, empty for none.
type annotation [14]string

// The texts that tell whose an annotation is: their places in it.
const (
	ofRule = iota
	ofClient
	ofOrigin
)

var annotationNames = [len(annotation{})]string{
	"id", "client", "origin", "destination", "tls", "identities", "max_connections", "rate", "burst", "counted by",
	"owner", "ticket", "reason", "period",
}

// note returns what is said of a flow.
func (s *side) note(label int32) annotation {
	if a, known := s.notes[label]; known {
		return a
	}
	f := &s.flows[label]
	a := annotation{
		f.Rule, f.Source.Name, string(f.Origin), f.Destination.Name, f.TLS, identitiesText(f.Identities),
		countText(f.MaxConnections), f.Rate.String(), countText(f.Burst), f.CountedBy(),
		f.Owner, f.Ticket, f.Reason, period(f),
	}
	for i, text := range a {
		a[i] = strings.Join(strings.Fields(text), " ")
	}
	s.notes[label] = a
	return a
}

// What CountedBy returns.
const (
	CountedByClient  = "client"
	CountedByAddress = "source address"
)

// CountedBy says for whom the limits of a flow are counted, empty if it has none.
func (f *Flow) CountedBy() string {
	switch {
	case f.Limits == policy.Limits{}:
		return ""
	case f.PerClient:
		return CountedByClient
	default:
		return CountedByAddress
	}
}

func identitiesText(list []policy.Identity) string {
	texts := make([]string, len(list))
	for i, id := range list {
		texts[i] = id.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, " or ")
}

func countText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func period(f *Flow) string {
	from, until := policy.DayText(f.ValidFrom), policy.DayText(f.Expires)
	switch {
	case from == "" && until == "":
		return ""
	case until == "":
		return "from " + from
	case from == "":
		return "until " + until
	default:
		return from + " to " + until
	}
}

// changesOf says what is different in the annotations of the same sources, nothing if they are the same.
func changesOf(before, after []annotation) string {
	before, after = distinctNotes(before), distinctNotes(after)
	before, after = without(before, after), without(after, before)
	var parts, gone, come []string
	for _, old := range before {
		i := slices.IndexFunc(after, func(a annotation) bool { return a[ofRule] == old[ofRule] && a[ofClient] == old[ofClient] })
		if i < 0 && len(before) == 1 && len(after) == 1 {
			i = 0 // one took the place of the other
		}
		if i < 0 {
			gone = append(gone, old.owner())
			continue
		}
		parts = append(parts, old.owner()+": "+old.changes(&after[i]))
		after = slices.Delete(after, i, i+1)
	}
	for i := range after {
		come = append(come, after[i].owner())
	}
	if len(gone) > 0 {
		parts = append(parts, "no longer by "+enumerated(gone))
	}
	if len(come) > 0 {
		parts = append(parts, "also by "+enumerated(come))
	}
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, "; ")
}

// distinctNotes returns annotations in their order, each once.
func distinctNotes(list []annotation) []annotation {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b annotation) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(sorted)
}

func without(list, others []annotation) []annotation {
	var rest []annotation
	for _, a := range list {
		if !slices.Contains(others, a) {
			rest = append(rest, a)
		}
	}
	return rest
}

// owner names the rule, or what else it is of, and the client.
func (a *annotation) owner() string {
	origin := Origin(a[ofOrigin])
	if origin == FromRule || origin == FromBlock {
		return cause(origin, a[ofRule], a[ofClient])
	}
	return cause(origin, a[ofRule], "")
}

// changes lists what is different in another annotation.
func (a *annotation) changes(o *annotation) string {
	var parts []string
	for i, name := range annotationNames {
		if a[i] != o[i] {
			parts = append(parts, fmt.Sprintf("%s %s is now %s", name, valueText(a[i]), valueText(o[i])))
		}
	}
	return strings.Join(parts, ", ")
}

func valueText(text string) string {
	if text == "" {
		return "none"
	}
	return strconv.Quote(text)
}
