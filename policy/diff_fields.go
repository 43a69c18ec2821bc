package policy

import (
	"cmp"
	"fmt"
)

func (d *differ) client(a, b *Client) {
	d.source("addresses", prefixTexts(a.Addresses), prefixTexts(b.Addresses), b, func(c *Client) { c.Addresses = a.Addresses })
	d.source("ports", rangeTexts(a.Ports), rangeTexts(b.Ports), b, func(c *Client) { c.Ports = a.Ports })
	old, new := identityTexts(a.Identities), identityTexts(b.Identities)
	if gained, lost := without(new, old), without(old, new); len(gained)+len(lost) > 0 {
		d.remark = emptyText(old, new, ", so none is demanded", ", where none was demanded")
		d.set("identities", gained, lost, !identitiesHold(a.Identities, b.Identities), !identitiesHold(b.Identities, a.Identities), meansTheSame)
		d.remark = ""
	}
	d.value(kindOf(a.RequireTLS, b.RequireTLS), "require_tls", fmt.Sprint(a.RequireTLS), fmt.Sprint(b.RequireTLS))
}

// source compares where a client is, before a field changed and after. Where plaintext is refused
// moves with it, so for a client with require_tls that is not simply more or less.
func (d *differ) source(field string, old, new []string, after *Client, undo func(*Client)) {
	gained, lost := without(new, old), without(old, new)
	if len(gained)+len(lost) == 0 {
		return
	}
	d.remark = emptyText(old, new, ", so any will do", ", where any would do")
	defer func() { d.remark = "" }()
	before := *after
	undo(&before)
	wider, narrower := !d.areaHolds(&before, after), !d.areaHolds(after, &before)
	if after.RequireTLS && (wider || narrower) {
		d.add(Changed, field, gainedText(gained, lost)+", and so where require_tls refuses plaintext")
		return
	}
	d.set(field, gained, lost, wider, narrower, meansTheSame)
}

// emptyText says what it means that a client's list is empty now, or was before.
func emptyText(old, new []string, now, before string) string {
	switch {
	case len(new) == 0:
		return now
	case len(old) == 0:
		return before
	default:
		return ""
	}
}

func (d *differ) group(a, b *Group) {
	d.entries("members", a.Members, b.Members, d.extents, "which matches the same")
}

func (d *differ) rule(a, b *Rule) {
	if a.Mode == Off && b.Mode == Off {
		d.idle = ", while the rule is off"
		defer func() { d.idle = "" }()
	}
	same := "which means the same"
	if a.Limits != (Limits{}) || b.Limits != (Limits{}) {
		same = "which matches the same; limits may be counted otherwise"
	}
	d.entries("from", a.From, b.From, d.extents, same)
	d.ports("to", a.To, b.To)
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
	d.value(kindOf(y.begins < x.begins, y.begins > x.begins), "valid_from", DayText(a.ValidFrom), DayText(b.ValidFrom))
	d.value(kindOf(y.ends > x.ends, y.ends < x.ends), "expires", DayText(a.Expires), DayText(b.Expires))
}

func (d *differ) limits(a, b *Limits) {
	d.bound("max_connections", float64(a.MaxConnections), float64(b.MaxConnections), countText(a.MaxConnections), countText(b.MaxConnections))
	d.bound("rate", a.Rate.PerSecond(), b.Rate.PerSecond(), a.Rate.String(), b.Rate.String())
	if a.Burst != b.Burst {
		d.bound("burst", float64(a.burstWith(b.Rate)), float64(b.arrivals().burst), countText(a.Burst), countText(b.Burst))
	}
}

// burstWith returns how many connections may come at once if the rate becomes another one.
func (l *Limits) burstWith(rate Rate) int {
	if l.Rate.IsZero() || rate.IsZero() {
		return l.arrivals().burst
	}
	return newLimitBucket(rate, l.Burst).burst
}

// block is about what does not pass: more addresses let fewer sessions pass.
func (d *differ) block(a, b *Block) {
	old, new := prefixTexts(a.Addresses), prefixTexts(b.Addresses)
	if gained, lost := without(new, old), without(old, new); len(gained)+len(lost) > 0 {
		d.set("addresses", gained, lost, !d.prefixesHold(b.Addresses, a.Addresses), !d.prefixesHold(a.Addresses, b.Addresses), meansTheSame)
	}
	if a.Reason != b.Reason {
		d.add(Changed, "reason", quoted(a.Reason)+" is now "+quoted(b.Reason))
	}
}

func (d *differ) defaults(a, b *Defaults) {
	d.limits(&a.Limits, &b.Limits)
	if a.IPv6Prefix != b.IPv6Prefix {
		same := ""
		if cmp.Or(a.IPv6Prefix, 64) == cmp.Or(b.IPv6Prefix, 64) {
			same = meansTheSame
		}
		d.add(Changed, "ipv6_prefix", orNone(countText(a.IPv6Prefix))+" is now "+orNone(countText(b.IPv6Prefix))+same)
	}
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
	d.entries("exempt", a.Exempt, b.Exempt, d.sources, "which means the same")
}

func (d *differ) audit(a, b *Audit) {
	d.value(kindOf(b.All, a.All), "all", fmt.Sprint(a.All), fmt.Sprint(b.All))
	if a.All || b.All {
		d.idle = ", which adds nothing to all = true"
		defer func() { d.idle = "" }()
	}
	d.ports("ports", a.Ports, b.Ports)
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
