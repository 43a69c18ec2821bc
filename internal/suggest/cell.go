package suggest

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// place is what the sessions of a cell have in common.
type place struct {
	source      netip.Addr // invalid for UNIX sockets of this host
	application string
	port        string
	speech      speech
}

// destination returns the port's name as rules have it.
func (p *place) destination() string { return p.application + "/" + p.port }

// cell sums up the sessions of one place. Its size is bounded, however many there are.
type cell struct {
	counts
	sourcePorts sightings
	shown       certificates
	subject     string // of the last certificate, cut
	nearest     string // rule of the last denial, with the condition that failed
	condition   string
	untimely    []string // rules outside of whose days it was, ascending
}

// counts are how many sessions there were, when and why they would have been denied.
type counts struct {
	sessions    int
	first, last time.Time // zero if no record had a time that could be read
	reasons     [len(helped)]int
}

func (c *counts) add(o *counts) {
	c.sessions += o.sessions
	if c.first.IsZero() || !o.first.IsZero() && o.first.Before(c.first) {
		c.first = o.first
	}
	if o.last.After(c.last) {
		c.last = o.last
	}
	for i := range c.reasons {
		c.reasons[i] += o.reasons[i]
	}
}

// enter adds a session to its cell.
func (s *Survey) enter(one *session) cause {
	at := place{one.source.Addr(), one.application, one.port, one.speech}
	c := s.cells[at]
	if c == nil {
		if len(s.cells) >= s.most() {
			return noRoom
		}
		if s.cells == nil {
			s.cells = make(map[place]*cell)
		}
		c = new(cell)
		// The strings of a record are parts of its line, which would stay in memory with them.
		at.application, at.port = strings.Clone(at.application), strings.Clone(at.port)
		s.cells[at] = c
	}
	sum := counts{sessions: 1, first: one.time, last: one.time}
	if i := slices.Index(helped[:], one.reason); i >= 0 {
		sum.reasons[i] = 1
	}
	c.counts.add(&sum)
	c.sourcePorts.add(sighting{one.source.Port(), 1})
	c.shown.add(one.identities)
	c.remark(one)
	return nothing
}

// remark keeps what a session says beyond what rules need. Of several sessions the last one counts.
func (c *cell) remark(one *session) {
	keep := func(to *string, text string) {
		if text = text[:min(len(text), longText)]; text != "" && text != *to {
			*to = strings.Clone(text)
		}
	}
	keep(&c.subject, one.subject)
	if one.nearest != "" {
		keep(&c.nearest, one.nearest)
		keep(&c.condition, one.condition)
	}
	if one.nearest != "" && (one.reason == policy.Expired || one.reason == policy.NotYetValid) {
		c.untimely = noteRule(c.untimely, one.nearest)
	}
}

// mostUntimely bounds how many rules are named that expired.
const mostUntimely = 3

// noteRule adds the name of a rule to those that are kept.
func noteRule(kept []string, name string) []string {
	at, found := slices.BinarySearch(kept, name)
	if found || at == mostUntimely {
		return kept
	}
	kept = slices.Insert(kept, at, strings.Clone(name))
	return kept[:min(len(kept), mostUntimely)]
}

func (s *Survey) most() int {
	if s.Most > 0 {
		return s.Most
	}
	return defaultMost
}
