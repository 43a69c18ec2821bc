package proxy

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// TestBackToBack: a client with one source port comes back as soon as its connection is over, which is often before the session
// knows. The record of that has the true end of the session all the same, and its bytes.
func TestBackToBack(t *testing.T) {
	const text = "goodbye"
	tests := []struct {
		name   string
		serve  func(net.Conn)
		finish func(t *testing.T, conn net.Conn)
		reason policy.Reason
	}{
		{
			"the server ends first",
			func(conn net.Conn) { conn.Write([]byte(text)); conn.Close() },
			func(t *testing.T, conn net.Conn) { wantAll(t, conn, []byte(text)); conn.Close() },
			policy.EndOfStream,
		}, {
			"the client ends first",
			func(conn net.Conn) { io.Copy(io.Discard, conn); conn.Write([]byte(text)); conn.Close() },
			func(t *testing.T, conn net.Conn) { halfClose(conn); wantAll(t, conn, []byte(text)); conn.Close() },
			policy.EndOfStream,
		}, {
			"the client resets",
			func(conn net.Conn) { conn.Write([]byte(text)); io.Copy(io.Discard, conn) },
			func(t *testing.T, conn net.Conn) {
				if _, err := io.ReadFull(conn, make([]byte, len(text))); err != nil {
					t.Fatal(err)
				}
				abort(conn)
			},
			policy.Reset,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.serve)
			oneAtATime(r)
			r.start()
			var from net.Addr = &net.TCPAddr{IP: net.IPv4(127, 1, 2, 3)} // from which nobody else connects
			const times = 50
			for range times {
				conn := dialAgain(t, from, r.address)
				from = conn.LocalAddr()
				tt.finish(t, conn)
			}
			for range times {
				r.wantRecord(KeyCloseReason, tt.reason, KeyVerdict, "allow", KeyBytesOut, len(text))
			}
		})
	}
}

// dialAgain connects from an address whose last connection may not be quite over.
func dialAgain(t *testing.T, from, to net.Addr) (conn net.Conn) {
	dialer := net.Dialer{LocalAddr: from, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		return err
	}}
	dialer.SetMultipathTCP(false)
	var err error
	for deadline := time.Now().Add(patient); conn == nil; pause() {
		if time.Now().After(deadline) {
			t.Fatal(err) // the last one
		}
		if conn, err = dialer.DialContext(t.Context(), "tcp", to.String()); err != nil {
			conn = nil
		}
	}
	return conn
}
