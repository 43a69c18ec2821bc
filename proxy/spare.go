package proxy

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/proxy/upstream"
)

// Spare keeps one connection to the standby endpoint of a group open, its handshake done, for the session that needs one
// next. Once that has taken it, or when it dies, it is renewed. A nil Spare has none to give. Its methods are safe for
// concurrent use, after [Spare.Configure].
type Spare struct {
	Name  string // of the upstream, for the log
	Group *upstream.Group
	Log   *slog.Logger

	settings atomic.Pointer[SpareSettings]

	mu    sync.Mutex
	ready *spareConn
	state SpareState
}

// SpareSettings are what a generation says of a [Spare].
type SpareSettings struct {
	Dialer      *upstream.Dialer
	Lane        *Lane
	DialTimeout time.Duration
	KeepAlive   net.KeepAliveConfig
}

// SpareState is how a [Spare] is, for people and metrics.
type SpareState struct {
	Ready   bool
	Since   time.Time // when it became so; zero before the first connection
	Problem string    // why there is none, if that is known
	Taken   uint64    // by sessions, so far
	Died    uint64    // before a session came, so far
}

// Pauses after a connection that could not be made, or that died young; from the first to the last they double.
const (
	sparePause     = 100 * time.Millisecond
	spareLongPause = 5 * time.Second
)

// Configure puts settings into force, for connections that are made from now on.
func (k *Spare) Configure(s SpareSettings) { k.settings.Store(&s) }

// State tells how it is.
func (k *Spare) State() SpareState {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// Run keeps the connection until ctx ends, and closes it then.
func (k *Spare) Run(ctx context.Context) {
	if !canKeepSpare {
		return
	}
	pause := sparePause
	for ctx.Err() == nil {
		e, changed := k.Group.Standby()
		if e == nil {
			waitFor(ctx, changed, 0)
			continue
		}
		kept, err := k.open(ctx, e)
		if err == nil {
			k.Group.Reached(e)
			began := time.Now()
			if taken := k.keep(ctx, kept); taken || time.Since(began) > spareLongPause {
				pause = sparePause
				continue
			}
		} else if ctx.Err() == nil {
			k.missing(e, err)
		}
		waitFor(ctx, changed, pause)
		pause = min(2*pause, spareLongPause)
	}
}

// waitFor returns when ctx ends, when something has changed, or after a time, if one is given.
func waitFor(ctx context.Context, changed <-chan struct{}, limit time.Duration) {
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-over:
	}
}

// open makes a connection.
func (k *Spare) open(ctx context.Context, e *upstream.Endpoint) (*spareConn, error) {
	s := k.settings.Load()
	conn, err := s.Dialer.Dial(ctx, e, upstream.Spare, s.DialTimeout)
	if err != nil {
		return nil, err
	}
	keepAlive(conn.Conn, s.KeepAlive)
	kept := &spareConn{endpoint: e, conn: conn, left: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	kept.end, err = secure(conn, e.TLS, s.Lane)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		kept.close()
		return nil, err
	}
	return kept, nil
}

// keep offers a connection until somebody takes it, it dies, or it is not the one to keep any more.
func (k *Spare) keep(ctx context.Context, kept *spareConn) (taken bool) {
	k.offer(kept)
	ctx, cancel := context.WithCancel(ctx)
	var unwanted sync.WaitGroup
	unwanted.Go(func() { k.interruptUnwanted(ctx, kept) })
	kept.end.socket.watch()
	died := !kept.end.socket.alive()
	cancel()
	unwanted.Wait()
	close(kept.left) // whoever takes it waits for this: nobody else touches it from here on
	if !k.withdraw(kept, died) {
		return true
	}
	kept.close()
	return false
}

// interruptUnwanted ends the watch over a connection when ctx ends or another endpoint is the standby.
func (k *Spare) interruptUnwanted(ctx context.Context, kept *spareConn) {
	for {
		e, changed := k.Group.Standby()
		if ctx.Err() != nil || e != kept.endpoint {
			kept.end.interrupt()
			return
		}
		waitFor(ctx, changed, 0)
	}
}

// take returns the connection if it is one to the endpoint, and alive; it is the caller's then.
func (k *Spare) take(e *upstream.Endpoint) *spareConn {
	if k == nil {
		return nil
	}
	kept := k.claim(e)
	if kept == nil {
		return nil
	}
	kept.end.interrupt()
	<-kept.left
	if !kept.end.socket.alive() || kept.conn.SetDeadline(noDeadline) != nil {
		kept.close()
		return nil
	}
	return kept
}

func (k *Spare) claim(e *upstream.Endpoint) *spareConn {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := k.ready
	if kept == nil || kept.endpoint != e {
		return nil
	}
	k.ready = nil
	k.state.Ready, k.state.Since = false, time.Now()
	k.state.Taken++
	return kept
}

func (k *Spare) offer(kept *spareConn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state.Problem != "" {
		k.Log.Info("spare connection is ready again", KeyApplication, k.Name, "endpoint", kept.endpoint.String())
	}
	k.ready = kept
	k.state.Ready, k.state.Since, k.state.Problem = true, time.Now(), ""
}

// withdraw takes a connection back and reports whether nobody has taken it before.
func (k *Spare) withdraw(kept *spareConn, died bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ready != kept {
		return false
	}
	k.ready = nil
	k.state.Ready, k.state.Since = false, time.Now()
	if died {
		k.state.Died++
	}
	return true
}

// missing notes why there is no connection; the log has each reason once in a row.
func (k *Spare) missing(e *upstream.Endpoint, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	problem := harmlessError(err)
	if problem != k.state.Problem {
		k.Log.Warn("no spare connection", KeyApplication, k.Name, "endpoint", e.String(), KeyError, problem)
	}
	k.state.Problem = problem
}

// spareConn is a connection that is kept.
type spareConn struct {
	endpoint *upstream.Endpoint
	conn     *upstream.Conn
	end      *end
	left     chan struct{} // closed when its keeper does not touch it any more
}

func (c *spareConn) close() {
	if c.end != nil {
		c.end.closeOrderly()
	}
	c.conn.Close()
	c.conn.Lease.Release()
}
