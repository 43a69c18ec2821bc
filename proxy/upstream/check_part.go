package upstream

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"sallyport/policy"
)

// Bounds of parting: how long the end of the other side is waited for, and how much may come before it.
const (
	partTime  = 500 * time.Millisecond
	partBytes = 256 << 10
)

// part ends a connection in order: nothing more will be sent, and what still comes is read, since closing with bytes
// unread resets. It waits for the other side's end, because until then the kernel keeps the tuple of a source port; if
// there is none, only a reset gives it back. Stream is the connection or TLS over it.
//
// The error is an alert: a TLS 1.3 server says only after the handshake that it does not take our certificate.
func part(conn *Conn, stream net.Conn) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(partTime))
	secured, overTLS := stream.(*tls.Conn)
	if overTLS {
		secured.CloseWrite()
	}
	half, ok := conn.Conn.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	half.CloseWrite()
	_, err := io.CopyN(io.Discard, stream, partBytes)
	if _, rest := io.CopyN(io.Discard, conn, partBytes); rest != io.EOF && conn.Lease != nil {
		resetConn(conn.Conn)
	}
	if overTLS && isAlert(err) {
		return policy.Refuse(policy.UpstreamTLS, err)
	}
	return nil
}

// isAlert reports whether a TLS peer has said that something is wrong.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// resetConn closes a connection at once, on both sides.
func resetConn(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
