package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// hello records the ClientHello of a configuration, as it goes onto the wire: with a key share that nobody has the key of any
// more, which a server finds out only when the handshake does not go on.
func hello(config *tls.Config) ([]byte, error) {
	var r recorder
	if err := tls.Client(&r, config).Handshake(); err == nil {
		return nil, errors.New("a handshake with nobody succeeded")
	}
	if len(r.sent) == 0 {
		return nil, errors.New("no ClientHello to record")
	}
	return r.sent, nil
}

// recorder is a connection that keeps what is sent first and ends instead of an answer.
type recorder struct {
	net.Conn // nil: TLS calls none of the others
	sent     []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.sent == nil { // what follows is an alert, if anything
		r.sent = bytes.Clone(b)
	}
	return len(b), nil
}

func (r *recorder) Read([]byte) (int, error) { return 0, io.EOF }
func (r *recorder) Close() error             { return nil }

func (r *recorder) SetWriteDeadline(time.Time) error { return nil }
