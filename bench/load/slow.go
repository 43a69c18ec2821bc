package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"sallyport/bench/backend"
)

// slow makes transfers on a few connections while many others read theirs at a trickle. Only the few count.
type slow struct {
	job    Job
	dialer *dialer
	tally  *tally
	fast   *bulk
	conns  []net.Conn // of those that are slow
}

// A slow connection reads a sip in each beat of a transfer that it never sees the end of.
const (
	sip    = 1 << 10
	beat   = time.Second
	vast   = 1 << 20
	settle = time.Second // until what fits on the way to those that are slow has got there
)

func (s *slow) prepare(ctx context.Context) error {
	trickling := *s.dialer
	trickling.slow = true
	conns, err := trickling.open(ctx, s.job.Beside, abreast, func(_ int, conn net.Conn) error {
		_, err := conn.Write(backend.Order{Kind: backend.Down, Bytes: vast}.Append(nil))
		return err
	})
	if err != nil {
		return err
	}
	s.conns = conns
	select {
	case <-time.After(settle):
	case <-ctx.Done():
	}
	return s.fast.prepare(ctx)
}

// bare is the connection below TLS, if there is TLS.
func bare(conn net.Conn) net.Conn {
	if over, is := conn.(interface{ NetConn() net.Conn }); is {
		return over.NetConn()
	}
	return conn
}

func (s *slow) run(ctx context.Context) error {
	var all sync.WaitGroup
	for i, conn := range s.conns {
		conn.SetDeadline(deadline(ctx).Add(patience))
		all.Go(func() {
			if err := trickle(ctx, conn, beat*time.Duration(i)/time.Duration(len(s.conns))); err != nil {
				s.tally.failed(err)
			}
		})
	}
	err := s.fast.run(ctx)
	all.Wait()
	return err
}

// trickle reads a sip in each beat, the first one after the time given, so that not all of them read at once.
func trickle(ctx context.Context, conn net.Conn, first time.Duration) error {
	next := time.NewTimer(first)
	defer next.Stop()
	buf := make([]byte, sip)
	for at := int64(0); ; {
		select {
		case <-next.C:
		case <-ctx.Done():
			return nil
		}
		next.Reset(beat)
		n, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("read slowly: %w", withoutAddresses(err))
		}
		if !bytes.Equal(buf[:n], backend.Piece(at, n)) {
			return errors.New("wrong bytes came slowly")
		}
		at += int64(n)
	}
}

func (s *slow) close() {
	s.fast.close()
	hangUp(s.conns)
}
