package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// ending says which side ended something, and why.
type ending struct {
	side   Side
	reason policy.Reason
	err    error
	denial *policy.Decision // of the policy that is the reason
}

// orderly reports whether a stream came to its announced or at least undisturbed end.
func (e ending) orderly() bool {
	return e.reason == policy.EndOfStream || e.reason == policy.Truncated
}

// by returns the reason if it was this side's, otherwise nothing.
func (e ending) by(side Side) policy.Reason {
	if e.side != side {
		return ""
	}
	return e.reason
}

// relay moves bytes between two ends, both directions at once, until both are done or
// something ends the session. A direction has a goroutine while bytes move, and none while the session is quiet
// (see park). So nobody waits for the end: the last goroutine calls over, and there is none after that.
type relay struct {
	client, upstream *end
	up, down         flow // client to upstream, and back
	clock            *clock
	halved           atomic.Bool // one direction has ended in order, and its receiver knows
	lot              *lot
	over             func()
	left             atomic.Int32 // directions that are not over

	mu          sync.Mutex
	cause       ending // what ended the session
	sealed      bool   // the session is over, and its cause stays what it is
	interrupted bool   // nobody is to wait for bytes any more
}

func newRelay(client, upstream *end, pipes *pipePool, lot *lot) *relay {
	r := &relay{client: client, upstream: upstream, lot: lot}
	r.up = flow{relay: r, from: client, to: upstream, pipes: pipes}
	r.down = flow{relay: r, from: upstream, to: client, pipes: pipes}
	return r
}

// start relays, one direction on the caller's goroutine until that is parked or over. The last goroutine calls over when
// the session is.
func (r *relay) start(c *clock, over func()) {
	r.clock, r.over = c, over
	r.left.Store(2)
	go r.move(&r.up)
	r.move(&r.down)
}

// move is the goroutine of a direction.
func (r *relay) move(f *flow) {
	if r.pump(f) && r.left.Add(-1) == 0 {
		r.over()
	}
}

// quietFor returns for how long neither socket has moved data, if either can tell.
func (r *relay) quietFor() (time.Duration, bool) {
	client, known := r.client.socket.quietFor()
	upstream, also := r.upstream.socket.quietFor()
	switch {
	case known && also:
		return min(client, upstream), true
	case known:
		return client, true
	default:
		return upstream, also
	}
}

// seal returns what ended the session. A timer that fires only now changes nothing any more.
func (r *relay) seal() ending {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sealed = true
	return r.cause
}

// pump runs one direction until it is over, and then draws the consequences for the other, or until it is parked.
func (r *relay) pump(f *flow) (over bool) {
	over = true
	defer func() {
		if p := recover(); p != nil {
			r.abort(ending{side: Proxy, reason: policy.InternalError, err: &panicked{p, debug.Stack()}})
		}
	}()
	end := f.run(r.clock)
	if end.side == f.from.side && errors.Is(end.err, os.ErrDeadlineExceeded) && r.parks(f) {
		return false
	}
	r.note(end) // before the receiver hears of it, whose answer would seem to have come first
	if end.orderly() {
		end = f.passOn(end, r.halved.Load())
		r.note(end)
	}
	switch {
	case end.orderly():
		if first := !r.halved.Swap(true); first {
			r.clock.halfClosed()
		}
	case end.side == f.to.side && end.reason == policy.Reset:
		// The receiver is gone, but what it sent before may still wait in its socket (a
		// server that answers an upload early and closes). The other direction reads
		// a dead socket, so it comes to its end by itself.
		r.clock.halfClosed()
	default:
		r.interrupt()
	}
	return true
}

// note remembers the first thing that ended the session, except that a disturbance
// counts for more than the orderly end of one direction before it. It reports whether the
// session was still running.
func (r *relay) note(end ending) (running bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed && (r.cause.reason == "" || r.cause.orderly() && !end.orderly()) {
		r.cause = end
	}
	return !r.sealed
}

// abort ends the session now, whatever it is doing. Safe to call from anywhere, and again.
func (r *relay) abort(cause ending) {
	if r.note(cause) {
		r.interrupt()
	}
}

func (r *relay) interrupt() {
	r.mu.Lock()
	r.interrupted = true // before, so that nothing takes the deadlines back
	r.mu.Unlock()
	r.client.interrupt()
	r.upstream.interrupt()
	r.wake(&r.up)
	r.wake(&r.down)
}

// close closes both ends in the way that the session's cause of end demands, so that neither side
// takes a cut stream for a complete one, and gives the upstream's source port back. Only for when both directions are over. It blocks while a
// peer still takes what was sent to it before a reset, for a bounded time and not after ctx ends.
func (r *relay) close(ctx context.Context, cause ending, lease *sourceport.Lease) {
	if cause.reason == policy.IdleTimeout || cause.reason == policy.HalfCloseTimeout {
		// Nothing was on its way, unless a receiver has let it wait or a TLS record is half there.
		r.client.cut = r.client.cut || r.upstream.midRecord()
		r.upstream.cut = r.upstream.cut || r.client.midRecord()
	}
	r.client.forget()
	r.upstream.forget()
	if cause.side == Upstream { // the other side first: who is the cause may be lingered for
		r.client.finish(ctx, cause)
	}
	r.upstream.finish(ctx, cause)
	lease.Release()
	if cause.side != Upstream {
		r.client.finish(ctx, cause)
	}
}

// flow is one direction.
type flow struct {
	relay    *relay
	from, to *end
	pipes    *pipePool
	bytes    atomic.Int64 // delivered so far

	// Guarded by relay.mu.
	toPark bool // it was interrupted for that
	parked bool // it is in the lot and has no goroutine
	place  int  // there
}

// run moves bytes until one of the two ends stops it.
func (f *flow) run(c *clock) ending {
	bulk := bulk{pipes: f.pipes}
	for {
		chunk, n, err := f.from.receive()
		if err != nil {
			return f.received(err)
		}
		full := n == len(chunk.data)
		c.touch()
		if err := f.to.send(chunk, n); err != nil {
			f.to.cut = true
			return ending{side: f.to.side, reason: reasonOfEnd(err), err: err}
		}
		c.touch()
		f.bytes.Add(int64(n))
		if bulk.promising(full) {
			if err := bulk.move(f, c); err != nil {
				return *err
			}
		}
	}
}

// received says what it means that no more bytes come.
func (f *flow) received(err error) ending {
	return ending{side: f.from.side, reason: reasonOfEnd(err), err: err}
}

// passOn tells the receiver of an orderly end, and returns how the direction ended. Of the second direction the socket is closed
// next: that tells the system's peer as well, in one call instead of two.
func (f *flow) passOn(end ending, second bool) ending {
	tell := f.to.closeWrite
	if second {
		f.to.socket.finished.Store(true)
		tell = f.to.sayGoodbye
	}
	if err := tell(); err != nil && !errors.Is(err, errnoNotConn) {
		return ending{side: f.to.side, reason: reasonOfEnd(err), err: err}
	}
	return end
}

// reasonOfEnd names what an error of an established connection means.
func reasonOfEnd(err error) policy.Reason {
	switch {
	case errors.Is(err, errTruncated):
		return policy.Truncated
	case err == io.EOF:
		return policy.EndOfStream
	case errors.Is(err, errnoReset), errors.Is(err, errnoPipe), errors.Is(err, io.ErrClosedPipe):
		return policy.Reset
	case errors.Is(err, os.ErrDeadlineExceeded):
		return policy.Shutdown // interrupted; the cause was noted before
	case errors.Is(err, errnoTimedOut), errors.Is(err, errnoHostUnreach), errors.Is(err, errnoNetUnreach):
		return policy.PeerDead
	case isRemoteAlert(err):
		return policy.PeerAlert
	default:
		return policy.ProtocolError
	}
}

// remoteError is the operation that crypto/tls names in the error for an alert from the peer.
const remoteError = "remote error"

func isRemoteAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == remoteError
}
