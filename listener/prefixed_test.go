package listener

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
)

func TestPrefixedRead(t *testing.T) {
	p := &Prefixed{Conn: &script{pieces: [][]byte{[]byte("lo, "), []byte("world")}}, prefix: []byte("hel")}
	buf := make([]byte, 2)
	if n, err := p.Read(buf); n != 2 || err != nil || string(buf) != "he" {
		t.Fatalf("Read = %d, %v, %q", n, err, buf)
	}
	if got := string(p.Prefix()); got != "l" {
		t.Errorf("Prefix = %q, want what is unread", got)
	}
	if n, err := p.Read(make([]byte, 100)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v, want the rest of the prefix without a wait", n, err)
	}
	if p.Prefix() != nil {
		t.Errorf("Prefix = %q, want nil once it is read", p.Prefix())
	}
	if rest, err := io.ReadAll(p); err != nil || string(rest) != "lo, world" {
		t.Errorf("rest = %q, %v", rest, err)
	}
}

// TestPrefixedIsNotOverwritten: a second look must not write into what the first one handed out.
func TestPrefixedIsNotOverwritten(t *testing.T) {
	backing := []byte("\x16\x03XXXXXXXXXXXXXXXX")
	g := look(&Prefixed{Conn: &script{pieces: [][]byte{[]byte("\x01\x00\xc8\x01")}}, prefix: backing[:2]})
	if err := g.more(); err != nil {
		t.Fatal(err)
	}
	if want := []byte("\x16\x03\x01\x00\xc8\x01"); !bytes.Equal(g.seen, want) {
		t.Errorf("seen % x, want % x", g.seen, want)
	}
	if backing[2] != 'X' {
		t.Error("the second look wrote into the first one's buffer")
	}
}

func TestPrefixedCloseWrite(t *testing.T) {
	near, far := loopback(t)
	p := &Prefixed{Conn: near, prefix: []byte("x")}
	if err := p.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(far); err != nil || len(b) != 0 {
		t.Errorf("the other side reads %q, %v, want the end", b, err)
	}
	if err := (&Prefixed{Conn: &script{}}).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite without half-close = %v, want ErrUnsupported", err)
	}
}

// loopback returns the two ends of a TCP connection: accepted and dialled.
func loopback(t *testing.T) (*net.TCPConn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close(); dialled.Close() })
	return accepted.(*net.TCPConn), dialled.(*net.TCPConn)
}
