package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Trace is a decision with what every rule that names the port says to it.
type Trace struct {
	Decision Decision
	Port     *Port       // nil if there is no such port
	Rules    []RuleTrace // in the order of ids
	Strict   string      // a client with require_tls that connects from there; empty for none
}

// RuleTrace is what one rule says to a session.
type RuleTrace struct {
	Rule    *Rule     // as in the source
	Matches bool      // it would let the session pass; one that is off never does
	Client  string    // the named client that fits best; empty where an address does
	Failed  Condition // the first that fails
	Detail  string    // why, for people
}

// Explain judges a session as [Set.Decide] does and says why. It looks at everything, so it
// is slow with large policies.
func (s *Set) Explain(f *Facts) Trace {
	t := Trace{Decision: s.Decide(f)}
	if s == nil {
		return t
	}
	port := s.ports[portKey{f.Application, f.Port}]
	if port == nil {
		return t
	}
	t.Port = port.Port
	var known [maxKeys]uint32
	q := s.ask(port, f, known[:0])
	if s.needTLS != nil {
		if who, found := s.needTLS.find(&q); found {
			t.Strict = s.roster.names[who]
		}
	}
	w := newWalk(s.roster)
	rules := slices.SortedFunc(slices.Values(port.rules), func(a, b int32) int {
		return cmp.Compare(s.rules[a].order, s.rules[b].order)
	})
	for _, i := range rules {
		t.Rules = append(t.Rules, s.trace(&w, &s.rules[i], &q, f))
	}
	return t
}

// trace finds the leaf of a rule that comes nearest to letting a session pass.
func (s *Set) trace(w *walk, r *rule, q *question, f *Facts) RuleTrace {
	best, nearby := nobody, furthest()
	from := slices.SortedFunc(slices.Values(w.resolved.from[r.index]), w.compareElements)
	for _, e := range from {
		first := nobody // of this element
		w.expand(e, func(id int32) {
			n := w.leaves[id].near(r, q)
			if n.missed == 0 {
				n.met = 0 // the first that fits counts, whatever it demands
			}
			closer := n.distance() - nearby.distance()
			if closer < 0 || closer == 0 && first == best && id < best {
				best, nearby, first = id, n, id
			}
		})
	}
	t := RuleTrace{Rule: r.Rule, Matches: nearby.missed == 0 && r.Mode != Off, Failed: nearby.missed.first()}
	l := &w.leaves[best]
	if l.who != nobody {
		t.Client = w.names[l.who]
	}
	t.Detail = s.detail(r, l, nearby.missed, q, f)
	return t
}

// near tells how near a rule comes to letting a session pass with one leaf.
func (l *leaf) near(r *rule, q *question) (n nearness) {
	session := q.session
	demand := func(isDemanded, isMet bool, miss misses) {
		switch {
		case !isDemanded:
		case isMet:
			n = n.meeting()
		default:
			n = n.failing(miss)
		}
	}
	demand(!l.everywhere, l.holds(q), missAddress)
	if n.missed == 0 {
		demand(len(l.ports) > 0, slices.ContainsFunc(l.ports, func(p PortRange) bool { return p.Contains(q.port) }), missPort)
	}
	if len(l.identities) > 0 && q.unidentified {
		session = tlsSession
	} else {
		demand(len(l.identities) > 0, slices.ContainsFunc(q.identities, func(i uint32) bool { return slices.Contains(l.identities, i) }), missIdentity)
	}
	if !r.TLS.admits(session) {
		n = n.failing(missEncryption)
	}
	if !r.validAt(q.now) {
		n = n.failing(missPeriod)
	}
	return n
}

// holds reports whether the address of a session is one of the leaf's.
func (l *leaf) holds(q *question) bool {
	if l.everywhere || l.local && q.local {
		return true
	}
	for _, p := range l.prefixes {
		if p.Contains(q.addr) {
			return true
		}
	}
	return false
}

// detail says in words what a rule fails first.
func (s *Set) detail(r *rule, l *leaf, missed misses, q *question, f *Facts) string {
	name := "from"
	if l.who != nobody {
		name = "client " + quoted(s.roster.names[l.who])
	}
	switch missed.first() {
	case SourceAddress:
		if !q.addr.IsValid() {
			return "from holds no client of a UNIX socket"
		}
		return fmt.Sprintf("nothing in from holds %s", q.addr)
	case SourcePort:
		if q.port == 0 {
			return fmt.Sprintf("%s uses source ports %s, and the source port is not known", name, portsText(l.ports))
		}
		return fmt.Sprintf("%s uses source ports %s and not %d; is there address translation on the way?", name, portsText(l.ports), q.port)
	case Encryption:
		return "the rule's tls is " + quoted(r.TLS.String()) + " and the client speaks " + spoken(q.session)
	case Identification:
		return fmt.Sprintf("%s must show %s; %s", name, identitiesText(s.src.Clients[s.roster.clients[l.who]].Identities), shownText(q, f))
	case Period:
		if q.now < r.begins {
			return "the rule becomes valid on " + DayText(r.ValidFrom)
		}
		return "the rule expired on " + DayText(r.Expires)
	}
	if r.Mode == Off {
		return "the rule is off"
	}
	return ""
}

func spoken(session int) string {
	switch session {
	case tlsSession:
		return "TLS"
	case plainSession:
		return "plaintext"
	default:
		return "either"
	}
}

func shownText(q *question, f *Facts) string {
	if !q.shown {
		return "no certificate was shown"
	}
	return "the certificate says " + identitiesText(f.Identities.names)
}

func portsText(ranges []PortRange) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = r.String()
	}
	return strings.Join(texts, ", ")
}

// identitiesText lists identities, quoted because certificates are hostile input, and cut.
func identitiesText(list []Identity) string {
	const most = 5
	texts := make([]string, min(most, len(list)))
	for i := range texts {
		texts[i] = fmt.Sprintf("%.200q", list[i])
	}
	return strings.Join(texts, ", ") + more(len(list)-most)
}
