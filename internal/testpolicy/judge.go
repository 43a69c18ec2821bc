package testpolicy

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// Tuple is a connection that a client could make.
type Tuple struct {
	Port     *Port
	From, To netip.AddrPort
}

// Way is how a client speaks.
type Way bool

// The ways to speak. A client that speaks TLS shows the certificate that has all [Names] where one is asked for.
const (
	InPlaintext Way = false
	OverTLS     Way = true
)

// String returns the word for messages.
func (way Way) String() string {
	if way == OverTLS {
		return "TLS"
	}
	return "plaintext"
}

// Ways returns the ways to speak that a port takes.
func (p *Port) Ways() []Way {
	switch p.Mode {
	case policy.Plaintext:
		return []Way{InPlaintext}
	case policy.Secure:
		return []Way{OverTLS}
	default:
		return []Way{OverTLS, InPlaintext}
	}
}

// Best returns how a tuple gets through, if there is a way.
func (w *World) Best(t Tuple, now time.Time) (way Way, passes bool) {
	for _, way := range t.Port.Ways() {
		if w.Judge(t, way, now).Passes() {
			return way, true
		}
	}
	return false, false
}

// Judge says what becomes of a tuple, as the page about policies has it: blocks first, then require_tls, then the
// union of the rules, and audit mode over all of it.
func (w *World) Judge(t Tuple, way Way, now time.Time) policy.Verdict {
	verdict := w.byRules(t, way, now)
	if verdict == policy.Deny && (w.Source.Audit.All || w.names(w.Source.Audit.Ports, t.Port)) {
		return policy.AuditDeny
	}
	return verdict
}

func (w *World) byRules(t Tuple, way Way, now time.Time) policy.Verdict {
	for i := range w.Source.Blocks {
		if contains(w.Source.Blocks[i].Addresses, t.From.Addr()) {
			return policy.Deny
		}
	}
	for i := range w.Source.Clients {
		if c := &w.Source.Clients[i]; c.RequireTLS && way == InPlaintext && from(c, t.From) {
			return policy.Deny
		}
	}
	verdict := policy.Deny
	for i := range w.Source.Rules {
		switch r := &w.Source.Rules[i]; {
		case r.Mode == policy.Off, !w.lets(r, t, way, now):
		case r.Mode == policy.Enforce:
			return policy.Allow
		default:
			verdict = policy.AuditDeny
		}
	}
	return verdict
}

// lets reports whether a rule holds for a tuple.
func (w *World) lets(r *policy.Rule, t Tuple, way Way, now time.Time) bool {
	today := now.UTC().Format(time.DateOnly)
	switch {
	case !w.names(r.To, t.Port),
		r.TLS == policy.TLSRequired && way == InPlaintext,
		r.TLS == policy.PlaintextOnly && way == OverTLS,
		!r.ValidFrom.IsZero() && today < r.ValidFrom.Format(time.DateOnly),
		!r.Expires.IsZero() && today > r.Expires.Format(time.DateOnly):
		return false
	}
	return slices.ContainsFunc(r.From, func(name string) bool { return w.holds(name, t, way) })
}

// names reports whether a list names a port.
func (w *World) names(list []string, p *Port) bool {
	return slices.Contains(list, p.Name()) || slices.Contains(list, p.Application+"/*")
}

// holds reports whether a name stands for a client that can make the connection.
func (w *World) holds(name string, t Tuple, way Way) bool {
	addr := t.From.Addr()
	switch name {
	case policy.AnyName:
		return true
	case policy.LoopbackName:
		return addr.IsLoopback()
	}
	for i := range w.Source.Clients {
		if c := &w.Source.Clients[i]; c.Name == name {
			identified := len(c.Identities) == 0 || way == OverTLS && t.Port.ClientAuth != "none"
			return from(c, t.From) && identified
		}
	}
	for i := range w.Source.Groups {
		if w.Source.Groups[i].Name == name {
			return slices.ContainsFunc(w.Source.Groups[i].Members, func(member string) bool { return w.holds(member, t, way) })
		}
	}
	if !strings.Contains(name, "/") {
		return netip.MustParseAddr(name) == addr
	}
	return netip.MustParsePrefix(name).Contains(addr)
}

// from reports whether a connection comes from a client's addresses and source ports.
func from(c *policy.Client, source netip.AddrPort) bool {
	return (len(c.Addresses) == 0 || contains(c.Addresses, source.Addr())) &&
		(len(c.Ports) == 0 || slices.ContainsFunc(c.Ports, func(r policy.PortRange) bool { return r.First <= source.Port() && source.Port() <= r.Last }))
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
