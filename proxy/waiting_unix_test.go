//go:build unix

package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// sockets returns two connected TCP sockets.
func sockets(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l := listen(t, "tcp")
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{near, far} {
		conn.SetDeadline(time.Now().Add(patient))
		t.Cleanup(func() { conn.Close() })
	}
	return near, far
}

// TestWaitingHoldsNothing: an end that waits for its socket holds no buffer, even with the beginning of a record.
func TestWaitingHoldsNothing(t *testing.T) {
	ca := testpki.New(t)
	for name, beginning := range map[string][]byte{"between records": nil, "within a header": {23, 3, 3}, "within a record": {23, 3, 3, 1, 0, 7}} {
		t.Run(name, func(t *testing.T) {
			near, far := sockets(t)
			client := tls.Client(far, ca.ClientConfig("localhost", nil))
			go client.Handshake()
			w := newWire(near, NewLane(1, 0), noDeadline)
			server := tls.Server(w, ca.ServerConfig(t, "localhost"))
			if err := shakeHands(w, server); err != nil {
				t.Fatal(err)
			}
			e := tlsEnd(Client, w, server)
			far.Write(beginning)
			for range 2 {
				e.wantToWaitEmptyHanded(t)
			}
		})
	}
	t.Run("plaintext", func(t *testing.T) {
		near, _ := sockets(t)
		plainEnd(Client, near).wantToWaitEmptyHanded(t)
	})
}

// wantToWaitEmptyHanded receives until the end has found its socket empty, and looks what it holds then.
func (e *end) wantToWaitEmptyHanded(t *testing.T) {
	t.Helper()
	read := e.socket.attempt
	defer func() { e.socket.attempt = read }()
	waited := false
	e.socket.attempt = func(fd uintptr) bool {
		if read(fd) {
			return true
		}
		waited = true
		if e.socket.chunk != nil {
			t.Error("a chunk is held while waiting")
		}
		if e.wire != nil && e.wire.in != nil {
			t.Error("encrypted bytes are held in a chunk while waiting")
		}
		return false
	}
	e.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, _, err := e.receive(); err == nil {
		t.Error("something was received")
	}
	if !waited {
		t.Error("did not wait")
	}
	e.conn.SetReadDeadline(time.Now().Add(patient))
}

// unpollable is a socket for which the runtime does not wait any more.
type unpollable struct{ syscall.RawConn }

func (unpollable) Read(func(uintptr) bool) error { return errors.New("raw-read: not pollable") }

// TestUnpollableSocket: the runtime hides a reset behind an error of its own if the system reports it before
// anything else of it.
func TestUnpollableSocket(t *testing.T) {
	near, far := sockets(t)
	s := newSocket(near)
	s.raw = unpollable{s.raw}
	if _, _, err := s.read(0); err == nil || err.Error() != "raw-read: not pollable" {
		t.Errorf("read = %v with nothing there, want the runtime's error", err)
	}
	far.Write([]byte("last words"))
	c, n, err := s.read(0)
	if err != nil || string(c.data[:n]) != "last words" {
		t.Fatalf("read = %d bytes, %v, want the last words", n, err)
	}
	c.giveBack()
	abort(far)
	if _, _, err := s.read(0); err != syscall.ECONNRESET {
		t.Errorf("read = %v, want a reset", err)
	}
}
