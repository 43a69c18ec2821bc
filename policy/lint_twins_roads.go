package policy

import (
	"cmp"
	"slices"
)

// roads are the ways that rules open to clients: over the elements that the rules name.
type roads struct {
	*linter
	principals [][]int32 // of each leaf of a client
	gates      [][]gate  // of each principal, by port; nil until they are asked for
	met        map[crossing]int
}

// gate is a port that rules open to a principal, for plaintext and for TLS.
type gate struct {
	port       int
	plain, tls period
}

// period is a time between two Unix times; empty in its zero value.
type period struct{ begins, ends int64 }

func (p period) overlaps(o period) bool { return max(p.begins, o.begins) < min(p.ends, o.ends) }

// extended returns the time from the earlier beginning to the later end.
func (p period) extended(o period) period {
	switch (period{}) {
	case p:
		return o
	case o:
		return p
	}
	return period{min(p.begins, o.begins), max(p.ends, o.ends)}
}

// crossing is two principals, and what sessions there have in common.
type crossing struct {
	a, b             int32
	encrypted, known bool // only TLS counts; only ports that ask for certificates
}

func newRoads(l *linter) *roads {
	r := &roads{
		linter:     l,
		principals: make([][]int32, len(l.src.Clients)),
		gates:      make([][]gate, len(l.principals)),
		met:        make(map[crossing]int),
	}
	for p, e := range l.principals {
		l.expand(e, func(id int32) {
			if int(id) >= len(r.principals) {
				return
			}
			if list := r.principals[id]; len(list) == 0 || list[len(list)-1] != int32(p) {
				r.principals[id] = append(list, int32(p))
			}
		})
	}
	return r
}

// gatesOf returns the ports of a principal.
func (r *roads) gatesOf(p int32) []gate {
	if r.gates[p] != nil {
		return r.gates[p]
	}
	at := make(map[int]int) // by port
	gates := []gate{}
	for _, i := range r.rulesOf[p] {
		rule := &r.set.rules[i]
		if rule.Mode == Off {
			continue
		}
		for _, port := range r.resolved.to[rule.index] {
			if _, known := at[port]; !known {
				at[port] = len(gates)
				gates = append(gates, gate{port: port})
			}
			gates[at[port]].widen(rule, &r.src.Ports[port])
		}
	}
	slices.SortFunc(gates, func(a, b gate) int { return cmp.Compare(a.port, b.port) })
	r.gates[p] = gates
	return gates
}

// widen adds the sessions that a rule allows there.
func (g *gate) widen(rule *rule, port *Port) {
	valid := period{rule.begins, rule.ends}
	if rule.TLS.admits(plainSession) && port.takes(plainSession) {
		g.plain = g.plain.extended(valid)
	}
	if rule.TLS.admits(tlsSession) && port.takes(tlsSession) {
		g.tls = g.tls.extended(valid)
	}
}

// leadFrom reports whether any rule names a client.
func (r *roads) leadFrom(id int32) bool { return len(r.principals[id]) > 0 }

// meet returns a port to which sessions can connect that are both of two clients; -1 for none.
func (r *roads) meet(a, b int32) int {
	x, y := r.clientOf(a), r.clientOf(b)
	c := crossing{known: len(x.Identities)+len(y.Identities) > 0}
	c.encrypted = c.known || x.RequireTLS || y.RequireTLS
	for _, c.a = range r.principals[a] {
		for _, c.b = range r.principals[b] {
			if port := r.cross(c); port >= 0 {
				return port
			}
		}
	}
	return -1
}

// cross returns the first port of a crossing; -1 for none.
func (r *roads) cross(c crossing) int {
	if c.a > c.b {
		c.a, c.b = c.b, c.a
	}
	port, known := r.met[c]
	if !known {
		port = r.firstGate(c)
		r.met[c] = port
	}
	return port
}

func (r *roads) firstGate(c crossing) int {
	others := r.gatesOf(c.b)
	for _, g := range r.gatesOf(c.a) {
		at, found := slices.BinarySearchFunc(others, g.port, func(o gate, port int) int { return cmp.Compare(o.port, port) })
		if !found || c.known && !r.src.Ports[g.port].ClientAuth {
			continue
		}
		if g.tls.overlaps(others[at].tls) || !c.encrypted && g.plain.overlaps(others[at].plain) {
			return g.port
		}
	}
	return -1
}
