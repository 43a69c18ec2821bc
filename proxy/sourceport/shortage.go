package sourceport

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport/policy"
)

// shortage is the error of who got no port: what the ports that it wanted were doing then.
type shortage struct {
	text    string // who wanted which ports
	total   int
	tally   tally
	waited  time.Duration
	queue   int        // connections that were in it
	crowded bool       // the queue was too long to join it
	idle    bool       // it wanted a port only if nobody else did
	last    *complaint // nil: all ports work
	ended   error      // of the context; nil: it gave up by itself
}

func shortageOf(w *waiter, ended error) *shortage {
	s := &shortage{
		text:   w.String(),
		total:  size(w.ports),
		waited: time.Since(w.begun),
		queue:  w.book.waiting.length(),
		idle:   w.idle,
		ended:  ended,
	}
	s.tally, s.last = w.book.count(w.ports)
	return s
}

// reason is that of the ports' trouble if all of them have the same.
func (s *shortage) reason() policy.Reason {
	switch {
	case s.crowded:
		return policy.SourceQueue
	case s.tally.taken == s.total:
		return policy.SourceTaken
	case s.tally.inUse == s.total:
		return policy.SourceInUse
	default:
		return policy.SourceExhausted
	}
}

// Error says what a person needs to know in order to do something about it, in few words: the log cuts long texts.
func (s *shortage) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.text, s.what())
	if s.ended != nil {
		fmt.Fprintf(&b, " (%s)", s.ended)
	}
	if parts := s.tally.parts(); len(parts) > 0 {
		b.WriteString(": " + strings.Join(parts, ", "))
	}
	if s.last != nil {
		fmt.Fprintf(&b, "; %s", s.last.text()) // without its tuple: the text begins with it
	}
	if s.reason() == policy.SourceExhausted {
		b.WriteString("; declare more ports, here and in the firewall, or a longer wait")
	}
	return b.String()
}

func (s *shortage) what() string {
	waited := s.waited.Round(time.Millisecond)
	switch {
	case s.crowded:
		return fmt.Sprintf("%d connections wait for a source port already", s.queue)
	case s.idle && s.queue > 0:
		return "the source ports are for those who wait for one"
	case s.tally.taken == s.total || s.tally.inUse == s.total:
		return fmt.Sprintf("no source port works, tried for %s", waited)
	case waited == 0:
		return "no source port is free"
	default:
		return fmt.Sprintf("no source port came free within %s", waited)
	}
}

func (s *shortage) Unwrap() []error {
	var causes []error
	if s.last != nil {
		causes = append(causes, s.last)
	}
	if s.ended != nil {
		causes = append(causes, s.ended)
	}
	return causes
}

// exhausted refuses w because no port came free.
func (p *Pool) exhausted(w *waiter, ended error) error {
	s := shortageOf(w, ended)
	if s.reason() == policy.SourceExhausted {
		p.failures[policy.SourceExhausted]++ // the others have been counted when the kernel complained
	}
	return policy.Refuse(s.reason(), s)
}

// overrun refuses w because too many wait already.
func (p *Pool) overrun(w *waiter) error {
	p.failures[policy.SourceQueue]++
	s := shortageOf(w, nil)
	s.crowded = true
	return policy.Refuse(policy.SourceQueue, s)
}

// impossible refuses what no port can be had for, ever; nil if there may be one.
func (p *Pool) impossible(w *waiter) error {
	source, destination := w.route.source, w.route.destination
	switch {
	case len(w.ports) == 0:
		return p.fail(policy.SourceExhausted, fmt.Errorf("%s -> %s: no source port is declared", source, destination))
	case source.BitLen() != destination.Addr().BitLen():
		return p.fail(policy.SourceFamily, fmt.Errorf("%s -> %s: %s cannot reach %s; declare a source address of that family, or none",
			source, destination, family(source), family(destination.Addr())))
	}
	return nil
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// fail refuses and counts it.
func (p *Pool) fail(reason policy.Reason, err error) error {
	p.mu.Lock()
	p.failures[reason]++
	p.mu.Unlock()
	return policy.Refuse(reason, err)
}
