package upstream

import (
	"time"
)

// firstPause is how long sessions leave an endpoint alone that has become unhealthy, and are refused at once. It doubles
// with each failure after that, up to the interval of checks.
const firstPause = 100 * time.Millisecond

// gate says whether sessions may go to an endpoint.
type gate uint8

const (
	shut   gate = iota // not now
	open               // all may
	single             // one may, whose attempt is a trial
	follow             // one has, and its outcome will tell
)

// gate returns it for an endpoint. The lock is held.
//
// Where nobody else asks, sessions have to: one at a time, so that not all of them wait for an endpoint that is
// probably dead. An endpoint that refuses connections, and is the only one, needs no gate: asking it costs nothing, and it
// may be back this instant. Checks would only notice that after a few intervals, in which nobody is served.
func (g *Group) gate(m *member) gate {
	switch {
	case m.healthy, m.refuses && g.sole():
		return open
	case g.checksDecide(m):
		return shut
	case m.trial != nil:
		return follow
	case time.Now().Before(m.notBefore):
		return shut
	default:
		return single
	}
}

// checksDecide reports whether it is for checks to say that an unhealthy endpoint is well again. Where sessions have
// nowhere else to go and it was only they who found it ill, they find it well, too. The lock is held.
func (g *Group) checksDecide(m *member) bool {
	return g.asks(m) && (m.condemned || !g.sole())
}

// certainlyDown reports whether an endpoint is known to be unhealthy, by what is not too old to be doubted itself.
func (g *Group) certainlyDown(m *member) bool {
	return !m.healthy && (g.asks(m) || time.Now().Before(m.notBefore))
}

// rest puts the next trial off. The lock is held.
func (g *Group) rest(m *member) {
	m.pause = min(max(2*m.pause, firstPause), g.settings.Health.Interval)
	m.notBefore = time.Now().Add(m.pause)
}
