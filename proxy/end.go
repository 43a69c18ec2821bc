package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"sallyport/policy"
)

// Side names one of the two ends of a session, or the proxy between them.
type Side string

const (
	Client   Side = "client"
	Upstream Side = "upstream"
	Proxy    Side = "sallyport"
)

// end is one side of a session: a socket, with TLS on it or bare.
//
// One goroutine receives and one sends; the rest is for whoever ends the session.
type end struct {
	side   Side
	conn   net.Conn // the bare socket
	socket *socket
	ahead  []byte // plaintext that was read before the relay began

	tls     *tls.Conn // nil: plaintext
	wire    *wire     // under tls
	pending error     // what TLS said behind bytes that had to go first
	cut     bool      // not everything that was sent got as far as the socket
}

// plainEnd returns an end that speaks plaintext on conn.
func plainEnd(side Side, conn net.Conn) *end {
	conn, ahead := bare(conn)
	return &end{side: side, conn: conn, socket: newSocket(conn), ahead: ahead}
}

// tlsEnd returns an end whose handshake is over.
func tlsEnd(side Side, w *wire, conn *tls.Conn) *end {
	return &end{side: side, conn: w.Conn, socket: w.socket, tls: conn, wire: w}
}

// errTruncated is the end of a TLS stream that its peer did not announce with
// close_notify (RFC 8446, section 6.1).
var errTruncated = fmt.Errorf("closed without close_notify: %w", io.EOF)

// receive blocks for the next bytes and returns them in a chunk, which is then the
// caller's. While it blocks, it holds none. The stream's end is io.EOF or errTruncated.
func (e *end) receive() (*chunk, int, error) {
	switch {
	case e.tls != nil:
		return e.receiveTLS()
	case len(e.ahead) > 0:
		c := takeChunk(chunkSize)
		n := copy(c.data, e.ahead)
		e.ahead = e.ahead[n:]
		return c, n, nil
	default:
		e.ahead = nil
		return e.socket.read(0)
	}
}

func (e *end) receiveTLS() (*chunk, int, error) {
	for {
		if e.pending != nil {
			return nil, 0, e.pending
		}
		if !e.wire.ready() {
			if err := e.wire.fill(); err != nil {
				return nil, 0, e.streamEnd(err)
			}
		}
		c := takeChunk(e.wire.end - e.wire.at)
		n := e.decrypt(c)
		if n > 0 {
			return c, n, nil
		}
		c.giveBack()
	}
}

// decrypt takes the records that have arrived, as many as fit. A record that might not
// fit whole is left for the next chunk, so that crypto/tls never keeps plaintext that
// nobody is waiting for.
func (e *end) decrypt(c *chunk) int {
	n := 0
	for len(c.data)-n >= recordSize {
		m, err := e.tls.Read(c.data[n:])
		n += m
		if errors.Is(err, errNoRecord) {
			break
		}
		if err != nil {
			if err != io.EOF {
				e.wire.flush() // the alert that says so must not wait for a step that will be interrupted
			}
			e.pending = e.streamEnd(err)
			break
		}
	}
	return n
}

// streamEnd tells an announced end from one that merely happened: crypto/tls says io.EOF to both.
func (e *end) streamEnd(err error) error {
	if e.wire.ended && (err == io.EOF || err == io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}

// midRecord reports whether the peer has begun a TLS record and not finished it. Only when
// nobody receives any more.
func (e *end) midRecord() bool {
	return e.wire != nil && (e.wire.left > 0 || e.wire.nsplit > 0 || e.wire.in != nil || len(e.wire.ahead) > 0)
}

// forget gives back the chunk of what has arrived and nobody takes any more. Only when nobody receives any more.
func (e *end) forget() {
	if e.wire != nil && e.wire.in != nil {
		e.wire.in.giveBack()
		e.wire.in = nil
	}
}

// send passes a chunk's bytes on and gives the chunk back. It blocks while the peer does not read.
func (e *end) send(c *chunk, n int) error {
	if e.tls == nil {
		_, err := e.socket.write(c.data[:n])
		c.giveBack()
		return err
	}
	e.wire.cork(n)
	_, err := e.tls.Write(c.data[:n])
	c.giveBack() // encrypted and copied: a slow reader keeps only one of the two buffers
	if err := e.wire.flush(); err != nil {
		return err
	}
	return err
}

// closeWrite tells the peer that nothing more comes, and leaves the other direction open.
func (e *end) closeWrite() error {
	if err := e.sayGoodbye(); err != nil {
		return err
	}
	if half, ok := e.conn.(interface{ CloseWrite() error }); ok {
		e.socket.finished.Store(true)
		return half.CloseWrite()
	}
	return nil
}

// sayGoodbye is as much of closeWrite as has to be done by hand if the socket is closed next, which ends its stream, too.
func (e *end) sayGoodbye() error {
	if e.tls == nil {
		return nil
	}
	return e.tls.CloseWrite()
}

// interrupt wakes everybody who waits for this end, now and later.
func (e *end) interrupt() { e.conn.SetDeadline(longAgo) }

var longAgo = time.Unix(1, 0)

// reset closes the socket so that the peer sees an abort, not an end: it must
// not take what it has for complete.
func (e *end) reset() { resetConn(e.conn) }

func resetConn(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// finish closes an end of a session that is over.
func (e *end) finish(ctx context.Context, cause ending) {
	switch cause.reason {
	case policy.EndOfStream, policy.Truncated:
		e.conn.Close()
	case policy.IdleTimeout, policy.HalfCloseTimeout:
		e.closeOrderly()
	default:
		e.closeAborted(ctx, cause)
	}
}

// closeOrderly says goodbye on a quiet connection that was interrupted, and closes it. It is not
// quiet if its peer has let something wait for all that time: then the stream is cut.
func (e *end) closeOrderly() {
	if e.cut {
		e.reset()
		return
	}
	e.conn.SetDeadline(time.Now().Add(lingerTime))
	e.closeWrite()
	e.conn.Close()
}

// closeAborted closes an end of a session that cause ended: the side that caused it as it
// is, after an alert if one was sent to it, and any other with a reset.
func (e *end) closeAborted(ctx context.Context, cause ending) {
	switch {
	case cause.side != e.side && cause.reason == policy.Reset:
		e.socket.settle(ctx) // what came before the reset goes before the reset
		e.reset()
	case cause.side != e.side || cause.reason == policy.PeerDead:
		e.reset()
	case cause.reason == policy.ProtocolError:
		closeLingering(e.conn)
	default:
		e.conn.Close()
	}
}

// Bounds of lingering: what is read and waited for so that a last message reaches the peer.
const (
	lingerBytes = 256 << 10
	lingerTime  = time.Second
)

// closeLingering closes a connection on which a last message (a TLS alert) was just sent.
// Closing a socket that has unread bytes sends a reset, which can overtake and destroy that
// message, so the peer is given a bounded time to finish talking first.
func closeLingering(conn net.Conn) {
	defer conn.Close()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	conn.SetDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, conn, lingerBytes)
}
