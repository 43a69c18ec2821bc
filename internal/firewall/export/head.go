package export

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// head returns the lines that every artefact begins with, without the marks of comments. None has a line break in it, whatever
// was written into the policy.
func head(m *firewall.Matrix) []string {
	h := &m.Header
	lines := []string{
		"Made by sallyport from its policy. Do not edit: change the policy, review it and export again.",
		"position: " + position(m.At),
		"policy: " + policyText(h),
	}
	if h.Host != "" {
		lines = append(lines, "host: "+oneLine(h.Host))
	}
	if !h.Made.IsZero() {
		lines = append(lines, "made: "+h.Made.UTC().Format(time.RFC3339))
	}
	for _, n := range h.Names {
		line := fmt.Sprintf("name: %s is %s", oneLine(n.Name), addresses(n.Addresses))
		if !n.At.IsZero() {
			line += ", resolved " + n.At.UTC().Format(time.RFC3339)
		}
		lines = append(lines, line)
	}
	for _, note := range h.Notes {
		lines = append(lines, "note: "+oneLine(note))
	}
	return lines
}

func position(at firewall.Position) string {
	switch at {
	case firewall.AtServer:
		return "the host that is connected to"
	case firewall.AtClient:
		return "the host that connects"
	case firewall.AtBetween:
		return "a device on the way"
	default:
		return "the host that sallyport runs on"
	}
}

func policyText(h *firewall.Header) string {
	switch {
	case h.PolicyHash == "":
		return "none: every connection is denied"
	case h.Generation > 0:
		return fmt.Sprintf("%s, in force as generation %d", h.PolicyHash, h.Generation)
	default:
		return h.PolicyHash
	}
}

func addresses(list []netip.Addr) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return strings.Join(texts, " ")
}

// oneLine returns text without anything that could end a comment or hide what is beside it. Besides the control characters these are
// U+0085, U+2028 and U+2029, which end lines in YAML 1.1, and those that turn the direction of writing.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// lastDay returns the last day of a flow as people write it, empty for none.
func lastDay(f *firewall.Flow) string { return policy.DayText(f.Expires) }
