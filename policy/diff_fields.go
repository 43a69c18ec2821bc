package policy

import (
	"fmt"
	"net/netip"
	"slices"
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
	return quotedList(r.From) + " to " + quotedList(r.To) + ", tls " + r.TLS.String() + ", mode " + r.Mode.String()
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

// sets compares lists of which one may contain the other although it is written otherwise.
func (d *differ) sets(field string, old, new []string, newHoldsOld, oldHoldsNew bool) {
	gained, lost := without(new, old), without(old, new)
	if len(gained)+len(lost) > 0 {
		d.add(kindOf(newHoldsOld, oldHoldsNew), field, gainedText(gained, lost))
	}
}

func (d *differ) client(a, b *Client) {
	d.sets("addresses", prefixTexts(a.Addresses), prefixTexts(b.Addresses),
		prefixesHold(b.Addresses, a.Addresses), prefixesHold(a.Addresses, b.Addresses))
	oldPorts, newPorts := mergePorts(a.Ports), mergePorts(b.Ports)
	d.sets("ports", rangeTexts(oldPorts), rangeTexts(newPorts), portsCover(newPorts, oldPorts), portsCover(oldPorts, newPorts))
	d.list("identities", identityTexts(a.Identities), identityTexts(b.Identities), true)
	d.value(kindOf(a.RequireTLS, b.RequireTLS), "require_tls", fmt.Sprint(a.RequireTLS), fmt.Sprint(b.RequireTLS))
}

// prefixesHold reports whether each of inner lies in one of outer; none means any address.
func prefixesHold(outer, inner []netip.Prefix) bool {
	if len(outer) == 0 || len(inner) == 0 {
		return len(outer) == 0
	}
	return !slices.ContainsFunc(inner, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(outer, func(wide netip.Prefix) bool { return wide.Bits() <= p.Bits() && wide.Contains(p.Addr()) })
	})
}

func (d *differ) group(a, b *Group) {
	d.list("members", entryTexts(a.Members), entryTexts(b.Members), false)
}

func (d *differ) rule(a, b *Rule) {
	d.list("from", entryTexts(a.From), entryTexts(b.From), false)
	d.list("to", a.To, b.To, false)
	d.value(kindOf(b.TLS == TLSAny, a.TLS == TLSAny), "tls", a.TLS.String(), b.TLS.String())
	d.limits(&a.Limits, &b.Limits)
	d.value(kindOf(a.Mode == Off, b.Mode == Off), "mode", a.Mode.String(), b.Mode.String())
	for _, text := range []struct{ field, old, new string }{
		{"owner", a.Owner, b.Owner}, {"ticket", a.Ticket, b.Ticket}, {"reason", a.Reason, b.Reason},
	} {
		if text.old != text.new {
			d.add(Changed, text.field, quoted(text.old)+" is now "+quoted(text.new))
		}
	}
	x, y := compiled(a, 0), compiled(b, 0)
	d.value(kindOf(y.begins < x.begins, y.begins > x.begins), "valid_from", dayOrNone(a.ValidFrom), dayOrNone(b.ValidFrom))
	d.value(kindOf(y.ends > x.ends, y.ends < x.ends), "expires", dayOrNone(a.Expires), dayOrNone(b.Expires))
}

func dayOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return dayText(t)
}

func (d *differ) limits(a, b *Limits) {
	d.bound("max_connections", float64(a.MaxConnections), float64(b.MaxConnections), countText(a.MaxConnections), countText(b.MaxConnections))
	d.bound("rate", a.Rate.PerSecond(), b.Rate.PerSecond(), a.Rate.String(), b.Rate.String())
	if a.Burst != b.Burst {
		d.bound("burst", float64(a.depth()), float64(b.depth()), countText(a.Burst), countText(b.Burst))
	}
}

// block is about what does not pass: more addresses let fewer sessions pass.
func (d *differ) block(a, b *Block) {
	if len(a.Addresses) == 0 || len(b.Addresses) == 0 {
		d.list("addresses", prefixTexts(a.Addresses), prefixTexts(b.Addresses), true)
	} else {
		d.sets("addresses", prefixTexts(a.Addresses), prefixTexts(b.Addresses),
			prefixesHold(a.Addresses, b.Addresses), prefixesHold(b.Addresses, a.Addresses))
	}
	if a.Reason != b.Reason {
		d.add(Changed, "reason", quoted(a.Reason)+" is now "+quoted(b.Reason))
	}
}

func (d *differ) defaults(a, b *Defaults) {
	d.limits(&a.Limits, &b.Limits)
	d.value(Changed, "ipv6_prefix", countText(a.IPv6Prefix), countText(b.IPv6Prefix))
	d.bound("handshakes", a.Handshakes.PerSecond(), b.Handshakes.PerSecond(), a.Handshakes.String(), b.Handshakes.String())
}

func (d *differ) lockout(a, b *Lockout) {
	switch { // as a whole where there is none on one side: "exempt" would seem to let more pass
	case a.Failures == 0 && b.Failures == 0:
		return
	case a.Failures == 0:
		d.add(Added, "", lockoutText(b))
		return
	case b.Failures == 0:
		d.add(Removed, "", lockoutText(a))
		return
	}
	d.bound("failures", float64(a.Failures), float64(b.Failures), countText(a.Failures), countText(b.Failures))
	d.value(kindOf(b.Window < a.Window, b.Window > a.Window), "window", DurationText(a.Window), DurationText(b.Window))
	longer := b.Forever && !a.Forever || b.Forever == a.Forever && b.Duration > a.Duration
	d.value(kindOf(!longer, longer), "duration", durationText(a), durationText(b))
	d.list("exempt", entryTexts(a.Exempt), entryTexts(b.Exempt), false)
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

func (d *differ) audit(a, b *Audit) {
	d.value(kindOf(b.All, a.All), "all", fmt.Sprint(a.All), fmt.Sprint(b.All))
	d.list("ports", a.Ports, b.Ports, false)
}

// tests have no names: they are compared as a whole.
func (d *differ) tests(a, b []Test) {
	old, new := texts(a, testText), texts(b, testText)
	for _, text := range without(new, old) {
		d.add(Added, "", text)
	}
	for _, text := range without(old, new) {
		d.add(Removed, "", text)
	}
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
