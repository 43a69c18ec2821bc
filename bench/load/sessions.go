package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"sallyport/bench/backend"
)

// sessions makes one session after the other in each of its places.
type sessions struct {
	job    Job
	dialer *dialer
	tally  *tally
	places []*place
}

// prepare makes the first session of each place, which gives the ticket that the others resume.
func (s *sessions) prepare(ctx context.Context) error {
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
		all.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				if err := s.session(context.WithoutCancel(ctx), p); err != nil {
					s.tally.failed(err)
					continue
				}
				s.tally.done(time.Since(start))
			}
		})
	}
	all.Wait()
	return nil
}

// session is a whole one, from connect to the end of the server's stream.
func (s *sessions) session(ctx context.Context, p *place) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	order := backend.Order{Kind: backend.Echo}.Append(make([]byte, 0, backend.OrderSize+s.job.Message))
	message := backend.Piece(0, s.job.Message)
	if _, err := conn.Write(append(order, message...)); err != nil {
		return fmt.Errorf("send: %w", withoutAddresses(err))
	}
	return expect(conn, message)
}

// expect reads a message and compares it.
func expect(conn net.Conn, want []byte) error {
	conn.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return fmt.Errorf("receive: %w", withoutAddresses(err))
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("wrong bytes came back")
	}
	return nil
}

func (s *sessions) close() {}
