package sourceport

import (
	"cmp"
	"slices"
	"time"

	"sallyport/policy"
)

// model is a pool that looks at everything every time. It knows no segments and no lists, and its clock is what it is
// told.
type model struct {
	events   int
	ports    map[Tuple]*modelPort
	queue    []*modelClient
	failures map[policy.Reason]uint64
	told     []Tuple
}

type modelPort struct {
	tuple   Tuple
	state   state
	since   int // event; 0: never used
	until   time.Time
	pause   time.Duration
	trouble policy.Reason
}

type modelClient struct {
	route   route
	ports   []policy.PortRange
	idle    bool
	ticket  int
	until   time.Time
	outcome outcome
}

// outcome is what became of a client: the port that it has, why it has none, or neither while it waits.
type outcome struct {
	Port   uint16
	Reason policy.Reason
}

// cancelled is the outcome of a client whose context was cancelled.
const cancelled policy.Reason = "cancelled"

func newModel() *model {
	return &model{ports: make(map[Tuple]*modelPort), failures: make(map[policy.Reason]uint64)}
}

func (m *model) event() int {
	m.events++
	return m.events
}

func (m *model) port(t Tuple) *modelPort {
	if m.ports[t] == nil {
		m.ports[t] = &modelPort{tuple: t}
	}
	return m.ports[t]
}

func (c *modelClient) wants(t Tuple) bool {
	return c.route.tuple(t.Source.Port()) == t && contains(c.ports, t.Source.Port())
}

// all returns the ports that a client wants, one by one, the lowest first.
func (m *model) all(c *modelClient) []*modelPort {
	var all []*modelPort
	for n := 1; n <= 65535; n++ {
		if n == 10 {
			n = 65530 // no set of the test has ports between
		}
		if contains(c.ports, uint16(n)) {
			all = append(all, m.port(c.route.tuple(uint16(n))))
		}
	}
	return all
}

func (m *model) enter(now time.Time, c *modelClient) {
	if c.ticket == 0 {
		c.ticket = m.event()
	}
	late := !now.Before(c.until)
	var best *modelPort
	for _, p := range m.all(c) {
		fits := p.state == free && (!late || p.since < c.ticket)
		if fits && (best == nil || p.since < best.since) {
			best = p
		}
	}
	waits := slices.ContainsFunc(m.queue, func(o *modelClient) bool { return o.route == c.route })
	switch {
	case best != nil && !(c.idle && waits):
		m.lease(best, c)
	case late:
		m.refuse(c)
	default:
		m.queue = append(m.queue, c)
		slices.SortFunc(m.queue, func(a, b *modelClient) int { return cmp.Compare(a.ticket, b.ticket) })
	}
}

func (m *model) lease(p *modelPort, c *modelClient) {
	p.state, p.since = leased, m.event()
	c.outcome = outcome{Port: p.tuple.Source.Port()}
}

func (m *model) refuse(c *modelClient) {
	all := m.all(c)
	kind := func(reason policy.Reason) bool {
		return !slices.ContainsFunc(all, func(p *modelPort) bool { return p.trouble != reason })
	}
	switch {
	case kind(policy.SourceTaken):
		c.outcome.Reason = policy.SourceTaken
	case kind(policy.SourceInUse):
		c.outcome.Reason = policy.SourceInUse
	default:
		c.outcome.Reason = policy.SourceExhausted
		m.failures[policy.SourceExhausted]++
	}
}

// vacate reports whether nobody waited for the port.
func (m *model) vacate(p *modelPort) bool {
	for i, c := range m.queue {
		if c.wants(p.tuple) {
			m.queue = slices.Delete(m.queue, i, i+1)
			m.lease(p, c)
			return false
		}
	}
	p.state, p.since = free, m.event()
	return true
}

func (m *model) release(t Tuple) {
	if m.vacate(m.port(t)) {
		m.told = append(m.told, t)
	}
}

func (m *model) complain(now time.Time, t Tuple, reason policy.Reason) {
	p := m.port(t)
	p.pause = min(max(2*p.pause, time.Millisecond), time.Second)
	p.state, p.since, p.until, p.trouble = cooling, m.event(), now.Add(p.pause), reason
	m.failures[reason]++
	m.told = append(m.told, t)
}

func (m *model) worked(t Tuple) {
	p := m.port(t)
	p.pause, p.trouble = 0, ""
}

func (m *model) inherit(t Tuple) {
	if p := m.port(t); p.state == free || p.state == cooling {
		p.state, p.since, p.pause, p.trouble = inherited, m.event(), 0, ""
	}
}

func (m *model) giveBack(t Tuple) {
	if m.port(t).state == inherited {
		m.release(t)
	}
}

func (m *model) cancel(c *modelClient) {
	if i := slices.Index(m.queue, c); i >= 0 {
		m.queue = slices.Delete(m.queue, i, i+1)
		c.outcome.Reason = cancelled
	}
}

// pass lets time pass: pauses and patience end, one after the other.
func (m *model) pass(now time.Time) {
	for {
		at := now.Add(1)
		var act func()
		for _, p := range m.ports {
			if p.state == cooling && p.until.Before(at) {
				at, act = p.until, func() { m.vacate(p) }
			}
		}
		for i, c := range m.queue {
			if c.until.Before(at) {
				at, act = c.until, func() {
					m.queue = slices.Delete(m.queue, i, i+1)
					m.refuse(c)
				}
			}
		}
		if act == nil {
			return
		}
		act()
	}
}

// held returns the tuples that are leased and inherited.
func (m *model) held() []Tuple {
	var held []Tuple
	for _, p := range m.ports {
		if p.state == leased || p.state == inherited {
			held = append(held, p.tuple)
		}
	}
	slices.SortFunc(held, Tuple.compare)
	return held
}

// use counts what Stats tells of a route, without what depends on what was asked for when.
func (m *model) use(r route) Use {
	u := Use{Source: r.source, Destination: r.destination}
	for _, p := range m.ports {
		if p.tuple != r.tuple(p.tuple.Source.Port()) {
			continue
		}
		switch p.state {
		case leased:
			u.Leased++
		case inherited:
			u.Leased++
			u.Inherited++
		case cooling:
			u.Cooling++
		}
	}
	for _, c := range m.queue {
		if c.route == r {
			u.Waiting++
		}
	}
	return u
}
