package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"sallyport/policy"
)

// patient is a timeout that no test waits for unless something is wrong.
const patient = 30 * time.Second

// TestHandshakeBehindDetect: a whole handshake of crypto/tls passes, however its hello is cut.
func TestHandshakeBehindDetect(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	whole := func(b []byte) [][]byte { return [][]byte{b} }
	records := func(size int) func([]byte) [][]byte {
		return func(b []byte) [][]byte { return [][]byte{inRecords(b, size)} }
	}
	bytewise := func(b []byte) (all [][]byte) {
		for part := range chunks(b, 1) {
			all = append(all, part)
		}
		return all
	}
	for _, tt := range []struct {
		name      string
		protocols []string
		cut       func([]byte) [][]byte
	}{
		{"ordinary", nil, whole},
		{"byte by byte", nil, bytewise},
		{"records of 4 bytes", nil, records(4)},
		{"records of 5 bytes", nil, records(5)},
		{"records of 7 bytes", nil, records(7)},
		{"records of 500 bytes", nil, records(500)},
		{"over 4 KiB", longProtocols(5000), whole},
		{"over 16 KiB", longProtocols(20000), whole},
		{"over 16 KiB in records of 100", longProtocols(20000), records(100)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := loopback(t)
			answered := make(chan error, 1)
			go func() {
				client := tls.Client(&recutting{far, tt.cut}, &tls.Config{InsecureSkipVerify: true, ServerName: "example.com", NextProtos: tt.protocols})
				_, err := client.Write([]byte("hello"))
				answered <- errors.Join(err, client.CloseWrite())
			}()
			conn, isTLS, err := (&Front{AutoDetect: true, DetectTimeout: patient}).Detect(near)
			if err != nil || !isTLS {
				t.Fatalf("Detect = %v, %v", isTLS, err)
			}
			if got, err := io.ReadAll(tls.Server(conn, server)); err != nil || string(got) != "hello" {
				t.Errorf("session reads %q, %v", got, err)
			}
			if err := <-answered; err != nil {
				t.Errorf("client: %v", err)
			}
		})
	}
}

// TestHalfCloseBehindDetect: what a client sent before it half-closed is kept, the end is seen
// behind it, and the other direction still works.
func TestHalfCloseBehindDetect(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			accepted, client := acceptedOn(t, network)
			if _, err := client.Write([]byte("hi")); err != nil {
				t.Fatal(err)
			}
			if err := client.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			conn, isTLS, err := (&Front{AutoDetect: true, DetectTimeout: patient}).Detect(accepted)
			if err != nil || isTLS {
				t.Fatalf("Detect = %v, %v", isTLS, err)
			}
			p := conn.(*Prefixed)
			if string(p.Prefix()) != "hi" || p.NetConn() != accepted {
				t.Errorf("prefix %q on %T, want the bytes on the bare socket", p.Prefix(), p.NetConn())
			}
			if rest, err := io.ReadAll(p.NetConn()); err != nil || len(rest) != 0 {
				t.Errorf("the bare socket reads %q, %v, want the end", rest, err)
			}
			if _, err := conn.Write([]byte("bye")); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if answer, err := io.ReadAll(client); err != nil || string(answer) != "bye" {
				t.Errorf("the client reads %q, %v", answer, err)
			}
		})
	}
}

func TestDetectLostConnection(t *testing.T) {
	for name, lose := range map[string]func(near, far *net.TCPConn) error{
		"end":               func(_, far *net.TCPConn) error { return far.Close() },
		"half-close":        func(_, far *net.TCPConn) error { return far.CloseWrite() },
		"reset":             func(_, far *net.TCPConn) error { return errors.Join(far.SetLinger(0), far.Close()) },
		"closed on our end": func(near, _ *net.TCPConn) error { return near.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := loopback(t)
			if err := lose(near, far); err != nil {
				t.Fatal(err)
			}
			_, _, err := (&Front{AutoDetect: true, DetectTimeout: patient}).Detect(near)
			if got := policy.ReasonOf(err, ""); got != policy.DetectClosed {
				t.Errorf("Detect: %v, want %s", err, policy.DetectClosed)
			}
		})
	}
}

// TestSilentSocketStaysBare: the relay gets the socket itself, which the kernel can splice.
func TestSilentSocketStaysBare(t *testing.T) {
	near, _ := loopback(t)
	conn, _, err := (&Front{AutoDetect: true, DetectTimeout: time.Millisecond}).Detect(near)
	if err != nil || conn != net.Conn(near) {
		t.Errorf("Detect = %T, %v, want the socket", conn, err)
	}
}

// acceptedOn opens a listener of the set, and returns an accepted connection and its client.
func acceptedOn(t *testing.T, network string) (accepted, client net.Conn) {
	t.Helper()
	spec := Spec{Network: network, Address: "127.0.0.1:0"}
	if network == networkUnix {
		spec.Address = filepath.Join(t.TempDir(), "s")
	}
	l := open(t, &Set{}, spec)
	client, err := (&net.Dialer{}).DialContext(context.Background(), l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close(); client.Close() })
	return accepted, client
}

// open makes spec the only socket of the set.
func open(t *testing.T, set *Set, spec Spec) *Listener {
	t.Helper()
	stage, err := set.Stage(context.Background(), []Spec{spec})
	if err != nil {
		t.Fatal(err)
	}
	stage.Commit()
	t.Cleanup(func() { set.Close() })
	return stage.Listener(spec)
}
