package export

import (
	"iter"
	"net/netip"
	"strings"

	"sallyport/internal/firewall"
)

// fromDefault is the origin of the lines that say that everything else is denied. They are no flows of the matrix.
const fromDefault firewall.Origin = "default"

// noAction is that of the single line of a matrix that has nothing to guard.
const noAction firewall.Action = "none"

const (
	defaultRule    = "default"
	defaultReason  = "Everything else to this destination is denied."
	nothingGuarded = "Nothing is reached through a firewall here."
)

// sheet is a matrix as lines for people.
type sheet struct {
	matrix *firewall.Matrix
	hosts  map[netip.Addr][]*firewall.Resolved
}

// entry is one line.
type entry struct {
	*firewall.Flow
	*sheet
	about string // the head, in the line that has it
}

func newSheet(m *firewall.Matrix) *sheet {
	s := &sheet{m, make(map[netip.Addr][]*firewall.Resolved)}
	for i := range m.Header.Names {
		r := &m.Header.Names[i]
		for _, a := range r.Addresses {
			s.hosts[a] = append(s.hosts[a], r)
		}
	}
	return s
}

// entries returns the flows, and after them what denies everything else at each destination.
func (s *sheet) entries() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i := range s.matrix.Flows {
			if !yield(entry{Flow: &s.matrix.Flows[i], sheet: s}) {
				return
			}
		}
		about := strings.Join(head(s.matrix), " | ")
		if len(s.matrix.Guards) == 0 {
			nothing := firewall.Flow{Rule: defaultRule, Action: noAction, Origin: fromDefault, Reason: nothingGuarded}
			yield(entry{&nothing, s, about})
			return
		}
		for i := range s.matrix.Guards {
			rest := everythingElse(&s.matrix.Guards[i])
			if !yield(entry{&rest, s, about}) {
				return
			}
			about = ""
		}
	}
}

// everythingElse is the flow that a guard denies after all others.
func everythingElse(g *firewall.Guard) firewall.Flow {
	to := firewall.End{Name: g.Name, Prefix: g.Destination}
	to.Ports.First, to.Ports.Last = g.Port, g.Port
	return firewall.Flow{
		Action: firewall.Deny, Origin: fromDefault, Rule: defaultRule, Reason: defaultReason, Direction: g.Direction,
		Source: firewall.End{Prefix: netip.PrefixFrom(g.Destination.Addr(), 0).Masked(), Ports: firewall.AnyPort()}, Destination: to,
	}
}

// hostNames returns the names that the destination's address was found by.
func (e *entry) hostNames() string {
	var names []string
	for _, r := range e.hosts[e.Destination.Prefix.Addr()] {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

// resolved returns when that was.
func (e *entry) resolved() string {
	var times []string
	for _, r := range e.hosts[e.Destination.Prefix.Addr()] {
		if !r.At.IsZero() {
			times = append(times, momentCell(r.At))
		}
	}
	return strings.Join(times, " ")
}
