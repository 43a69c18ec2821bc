package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"sallyport/bench/backend"
)

// exchange sends messages on connections that stay, and compares what comes back.
type exchange struct {
	job    Job
	dialer *dialer
	tally  *tally
	talks  []*talk
}

// talk is one connection's. Not for concurrent use.
type talk struct {
	conn   net.Conn
	answer answer
	size   int
	at     int64           // of the next message in the pattern, so that no two messages in a row are the same
	took   []time.Duration // of each message
	behind time.Duration   // after the start of a pace's beat
}

func (e *exchange) prepare(ctx context.Context) error {
	conns, err := e.dialer.open(ctx, e.job.Connections, abreast, func(i int, conn net.Conn) error {
		if e.job.Plain {
			return nil // a stranger that echoes
		}
		_, err := conn.Write(backend.Order{Kind: backend.Echo}.Append(nil))
		return err
	})
	if err != nil {
		return err
	}
	for i, conn := range conns {
		t := &talk{conn: conn, size: e.job.Message, at: int64(i), behind: e.job.Pace * time.Duration(i) / time.Duration(len(conns))}
		e.talks = append(e.talks, t)
	}
	for _, t := range e.talks {
		if err := t.message(); err != nil {
			return err
		}
	}
	return nil
}

// run lets every message that was sent come back: what was counted is what was done.
func (e *exchange) run(ctx context.Context) error {
	start := time.Now()
	end := deadline(ctx)
	var all sync.WaitGroup
	for _, t := range e.talks {
		t.conn.SetDeadline(end.Add(patience)) // once: a timer for each message would cost more than the message
		all.Go(func() {
			talk := t.until
			if e.job.Pace > 0 {
				talk = func(end time.Time) error { return t.paced(start.Add(t.behind), end, e.job.Pace) }
			}
			if err := talk(end); err != nil {
				e.tally.failed(err)
			}
			e.tally.done(t.took...)
		})
	}
	all.Wait()
	return nil
}

// deadline is the end of the measured part.
func deadline(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end
}

// until sends a message as soon as the last one is back.
func (t *talk) until(end time.Time) error {
	for sent := time.Now(); ; {
		if err := t.message(); err != nil {
			return err
		}
		now := time.Now()
		t.took = append(t.took, now.Sub(sent))
		if !now.Before(end) {
			return nil
		}
		sent = now
	}
}

// paced sends a message at every beat. One that comes late, because the one before took so long, took as long as if it had been
// sent when it was due: who waits does not get away with asking less often.
func (t *talk) paced(due, end time.Time, pace time.Duration) error {
	beat := time.NewTimer(0)
	defer beat.Stop()
	for ; due.Before(end); due = due.Add(pace) {
		if wait := time.Until(due); wait > 0 {
			beat.Reset(wait)
			<-beat.C
		}
		if err := t.message(); err != nil {
			return err
		}
		t.took = append(t.took, time.Since(due))
	}
	return nil
}

// message is one there and back.
func (t *talk) message() error {
	message := backend.Piece(t.at, t.size)
	t.at += int64(t.size)
	if _, err := t.conn.Write(message); err != nil {
		return fmt.Errorf("send: %w", withoutAddresses(err))
	}
	return t.answer.expect(t.conn, message)
}

func (e *exchange) close() {
	for _, t := range e.talks {
		t.conn.Close()
	}
}
