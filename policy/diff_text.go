package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

func clientText(c *Client) string {
	var parts []string
	for _, part := range []struct {
		word string
		list []string
	}{{"at", prefixTexts(c.Addresses)}, {"from ports", rangeTexts(c.Ports)}, {"with", identityTexts(c.Identities)}} {
		if len(part.list) > 0 {
			parts = append(parts, part.word+" "+strings.Join(part.list, ", "))
		}
	}
	if c.RequireTLS {
		parts = append(parts, "TLS only")
	}
	return strings.Join(parts, "; ")
}

func groupText(g *Group) string { return quotedList(g.Members) }

func ruleText(r *Rule) string {
	return quotedList(r.From) + " to " + quotedList(r.To) + ", tls " + r.TLS.String() + ", mode " + r.Mode.String() +
		limitsText(&r.Limits) + namedText("valid_from", DayText(r.ValidFrom)) + namedText("expires", DayText(r.Expires))
}

func limitsText(l *Limits) string {
	return namedText("max_connections", countText(l.MaxConnections)) + namedText("rate", l.Rate.String()) + namedText("burst", countText(l.Burst))
}

// namedText is a part of a list, nothing if there is no value.
func namedText(name, value string) string {
	if value == "" {
		return ""
	}
	return ", " + name + " " + value
}

func blockText(b *Block) string { return strings.Join(prefixTexts(b.Addresses), ", ") }

func prefixTexts(list []netip.Prefix) []string { return texts(list, PrefixText) }

func rangeTexts(list []PortRange) []string { return texts(list, PortRange.String) }

func identityTexts(list []Identity) []string { return texts(list, Identity.String) }

func texts[T any](list []T, text func(T) string) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = text(v)
	}
	return all
}

// entryTexts writes addresses in one way.
func entryTexts(list []string) []string {
	return texts(list, func(text string) string {
		if p, err := ParsePrefix(text); err == nil {
			return PrefixText(p)
		}
		return text
	})
}

func lockoutText(l *Lockout) string {
	text := fmt.Sprintf("%d failures within %s lock out for %s", l.Failures, DurationText(l.Window), durationText(l))
	if l.Forever {
		text = fmt.Sprintf("%d failures within %s lock out until unlocked", l.Failures, DurationText(l.Window))
	}
	if len(l.Exempt) > 0 {
		text += ", except " + strings.Join(entryTexts(l.Exempt), ", ")
	}
	return text
}

func durationText(l *Lockout) string {
	if l.Forever {
		return "forever"
	}
	return DurationText(l.Duration)
}

// DurationText returns a duration without the zeros at its end: "30m", not "30m0s".
func DurationText(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func testText(t Test) string {
	with := "plaintext"
	if t.TLS {
		with = "TLS"
	}
	if len(t.Identity) > 0 {
		with += " as " + strings.Join(identityTexts(t.Identity), ", ")
	}
	if !t.At.IsZero() {
		with += " at " + t.At.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s to %s, %s: %s", fromText(t.From), t.To, with, t.Expect)
}
