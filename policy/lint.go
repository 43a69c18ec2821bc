package policy

import (
	"fmt"
	"math"
)

// lint warns of what works and is probably not meant.
func (b *builder) lint(f *faults) {
	l := linter{builder: b, faults: f, known: make(map[element]traits)}
	for i := range b.set.rules {
		if r := &b.set.rules[i]; r.Mode != Off {
			l.lintFrom(r)
			l.lintTo(r)
			l.lintCapacity(r)
		}
	}
	l.lintBlocked()
	l.lintTwins()
	l.lintRedundant()
}

type linter struct {
	*builder
	*faults
	known map[element]traits
}

// traits are what a rule has to know of an element of its from.
type traits struct {
	everybody  bool // without any condition
	identified int  // how many clients demand an identity
	example    int32
	strict     bool // there are clients with require_tls
	strictest  int32
	pinned     bool // there are clients with a bounded number of source ports
	fewest     int  // tuples of an address and a source port that one of them has
	fewestOf   int32
}

func (l *linter) traits(e element) traits {
	if t, known := l.known[e]; known {
		return t
	}
	t := traits{fewest: math.MaxInt}
	l.expand(e, func(id int32) { l.addTraits(&t, id) })
	l.known[e] = t
	return t
}

func (l *linter) addTraits(t *traits, id int32) {
	leaf := &l.leaves[id]
	if leaf.everywhere && len(leaf.ports) == 0 && len(leaf.identities) == 0 {
		t.everybody = true
	}
	if leaf.who == nobody {
		return
	}
	if len(leaf.identities) > 0 {
		if t.identified == 0 {
			t.example = id
		}
		t.identified++
	}
	if l.clientOf(id).RequireTLS && !t.strict {
		t.strict, t.strictest = true, id
	}
	if n, bounded := leaf.tuples(); bounded && n < t.fewest {
		t.pinned, t.fewest, t.fewestOf = true, n, id
	}
}

// client returns the client of a leaf.
func (b *builder) clientOf(leaf int32) *Client { return &b.src.Clients[b.clients[leaf]] }

// tuples returns how many source addresses and ports the leaf has together, if they can be
// counted.
func (l *leaf) tuples() (n int, bounded bool) {
	if l.everywhere || len(l.ports) == 0 {
		return 0, false
	}
	addresses := 0
	for _, p := range l.prefixes {
		if p.Addr().BitLen()-p.Bits() > 16 {
			return 0, false
		}
		addresses += 1 << (p.Addr().BitLen() - p.Bits())
	}
	for _, r := range l.ports {
		n += r.size() * addresses
	}
	return n, true
}

// lintFrom finds clients that a plaintext rule names in vain.
func (l *linter) lintFrom(r *rule) {
	if r.TLS != PlaintextOnly {
		return
	}
	for i, e := range l.resolved.from[r.index] {
		where := at(AllowSection, r.index, "from").item(i)
		t := l.traits(e)
		if t.identified > 0 {
			l.warn(where, fmt.Sprintf("client %q%s must show an identity, which takes TLS, and the rule's tls is %q",
				l.names[t.example], more(t.identified-1), r.TLS), "the rule never allows it")
		}
		if t.strict {
			l.warn(where, fmt.Sprintf("client %q has require_tls and the rule's tls is %q", l.names[t.strictest], r.TLS),
				"the rule never allows it")
		}
	}
}

// lintTo finds ports that a rule opens further than is good, or in vain.
func (l *linter) lintTo(r *rule) {
	everybody, identified, example := false, 0, int32(0)
	for _, e := range l.resolved.from[r.index] {
		t := l.traits(e)
		everybody = everybody || t.everybody
		if t.identified > 0 && identified == 0 {
			example = t.example
		}
		identified += t.identified
	}
	for i, text := range r.To {
		where := at(AllowSection, r.index, "to").item(i)
		ports := l.resolved.ports[text]
		if application := l.src.Ports[ports[0]].Application; everybody && text == application+"/*" {
			l.warn(where, "everybody may connect to every port of "+quoted(application), "name the clients, or the ports")
		}
		exposed, mute := l.among(ports, r)
		if len(exposed) > 0 {
			l.warn(where, fmt.Sprintf("plaintext is allowed on %q%s, which listens beyond loopback", exposed[0], more(len(exposed)-1)),
				"everybody on the way can read and change it; where TLS is possible, say tls = \"required\"")
		}
		if identified > 0 && len(mute) > 0 {
			l.warn(where, fmt.Sprintf("client %q%s must show an identity, and %q%s asks for no client certificate",
				l.names[example], more(identified-1), mute[0], more(len(mute)-1)),
				"the rule never allows it there; set client_auth on the port")
		}
	}
	if all := l.resolved.to[r.index]; everybody && len(all) > 1 && len(all) == len(l.src.Ports) && !l.hasWildcard(r) {
		l.warn(at(AllowSection, r.index, "to"), "everybody may connect to every port there is", "name the clients, or the ports")
	}
}

func (l *linter) hasWildcard(r *rule) bool {
	for _, text := range r.To {
		if application := l.src.Ports[l.resolved.ports[text][0]].Application; text == application+"/*" {
			return true
		}
	}
	return false
}

// among returns the names of those ports on which a rule allows plaintext beyond loopback,
// and of those that ask for no certificate.
func (l *linter) among(ports []int, r *rule) (exposed, mute []string) {
	for _, i := range ports {
		p := &l.src.Ports[i]
		if !r.reaches(p) {
			continue
		}
		if p.Exposed && p.Mode != Secure && r.TLS.admits(plainSession) {
			exposed = append(exposed, p.Name())
		}
		if !p.ClientAuth {
			mute = append(mute, p.Name())
		}
	}
	return exposed, mute
}

// lintCapacity finds limits that the pinned ports never reach.
func (l *linter) lintCapacity(r *rule) {
	ports := len(l.resolved.to[r.index])
	for _, e := range l.resolved.from[r.index] {
		t := l.traits(e)
		if t.pinned && r.MaxConnections > t.fewest*ports {
			l.warn(at(AllowSection, r.index, "max_connections"),
				fmt.Sprintf("%d connections at once are more than the %d that the source ports of client %q allow",
					r.MaxConnections, t.fewest*ports, l.names[t.fewestOf]),
				"there is one for each source address, source port and port of the rule")
			return
		}
	}
}

// lintBlocked finds clients that no rule can let in.
func (l *linter) lintBlocked() {
	for i := range l.src.Clients {
		for j, p := range l.src.Clients[i].Addresses {
			if block, blocked := l.set.blocks.LookupPrefix(p); blocked {
				l.warn(at(ClientSection, i, "addresses").item(j),
					fmt.Sprintf("%q is blocked by %q", prefixText(p), l.src.Blocks[block].ID), "blocks come before every rule")
			}
		}
	}
}
