package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"sallyport/bench/backend"
)

// sessions makes one session after the other in each of its places.
type sessions struct {
	job     Job
	dialer  *dialer
	tally   *tally
	request []byte // what each session sends
	answer  []byte // what has to come back
	places  []*place
}

// prepare makes the first session of each place, which gives the ticket that the others resume.
func (s *sessions) prepare(ctx context.Context) error {
	if s.job.Plain {
		s.request, s.answer = []byte(s.job.Say), []byte(s.job.Expect)
	} else {
		s.answer = backend.Piece(0, s.job.Message)
		s.request = slices.Concat(backend.Order{Kind: backend.Echo}.Append(nil), s.answer)
	}
	for range s.job.Connections {
		p := s.dialer.place()
		if err := s.session(ctx, p); err != nil {
			return err
		}
		s.places = append(s.places, p)
	}
	return nil
}

func (s *sessions) run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, p := range s.places {
		all.Go(func() { s.repeat(ctx, p) })
	}
	all.Wait()
	return nil
}

func (s *sessions) repeat(ctx context.Context, p *place) {
	whole := context.WithoutCancel(ctx) // the last session is finished
	for more := true; more; more = ctx.Err() == nil {
		start := time.Now()
		if err := s.session(whole, p); err != nil {
			s.tally.failed(err)
			pause(ctx)
			continue
		}
		s.tally.done(time.Since(start))
	}
}

// pause keeps a port that refuses from being asked thousands of times in a second.
func pause(ctx context.Context) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
}

// session is a whole one, from connect to close.
func (s *sessions) session(ctx context.Context, p *place) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if len(s.request) > 0 {
		if _, err := conn.Write(s.request); err != nil {
			return fmt.Errorf("send: %w", withoutAddresses(err))
		}
	}
	if p.wantsTicket() {
		return takeTicket(conn)
	}
	return p.answer.expect(conn, s.answer)
}

// wantsTicket reports whether this is the first session of a place that resumes, with a server that is not expected to say
// anything: nobody else would read its ticket.
func (p *place) wantsTicket() bool {
	return p.tls != nil && p.job.Security.Resume && p.made == 1 && p.job.Plain && p.job.Expect == ""
}

// takeTicket gives a server the time to send one. TLS keeps it; what else is read is nobody's business.
func takeTicket(conn net.Conn) error {
	conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && err != io.EOF {
		return fmt.Errorf("wait for a ticket: %w", withoutAddresses(err))
	}
	return nil
}

func (s *sessions) close() {}
