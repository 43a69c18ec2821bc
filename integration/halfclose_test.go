//go:build integration

package integration

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

const longAnswer = 20 << 20 // bytes; far beyond every buffer on the way

// answerAfterEnd is a handler for serve: it reads to the end of the request and only then answers, at length.
func answerAfterEnd(conn *net.TCPConn) {
	request, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(request), "request") {
		return
	}
	conn.Write(noise(longAnswer))
	conn.CloseWrite()
}

const twoPorts = `
[[application]]
name = "two"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
`

// startTwoPorts protects a server by a plaintext and a secure port, whose addresses it returns.
func startTwoPorts(t *testing.T, ca *authority, upstream string) (s *sallyport, plain, secure string) {
	t.Helper()
	server := ca.server(t)
	plain, secure = freeAddress(t), freeAddress(t)
	s = startSallyport(t, expand(t, twoPorts, vars{
		"certificate": server.certificate, "key": server.key, "upstream": upstream, "plain": plain, "secure": secure,
	}))
	return s, plain, secure
}

func TestHalfClose(t *testing.T) {
	ca := newAuthority(t, "CA")
	s, plain, secure := startTwoPorts(t, ca, serve(t, answerAfterEnd))
	want := checksum(t, bytes.NewReader(noise(longAnswer)))

	t.Run("socat", func(t *testing.T) {
		out := client{stdin: strings.NewReader("request\n")}.must(t, need(t, "socat"), "-t", "60", "-", "TCP:"+plain)
		if got := checksum(t, strings.NewReader(out)); got != want {
			t.Errorf("%d bytes with checksum %s, want %d with %s", len(out), got, longAnswer, want)
		}
		s.wantRecord(t, fields{keyPort: "plain", keyVerdict: verdictAllow, keyBytesIn: 8, keyBytesOut: longAnswer, keyCloseReason: "end_of_stream"})
	})
	t.Run("TLS", func(t *testing.T) {
		conn := ca.dialTLS(t, secure, nil)
		io.WriteString(conn, "request\n")
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil {
			t.Fatalf("after %d bytes: %v", len(answer), err)
		}
		if got := checksum(t, bytes.NewReader(answer)); got != want {
			t.Errorf("%d bytes with checksum %s, want %d with %s", len(answer), got, longAnswer, want)
		}
		conn.Close()
		s.wantRecord(t, fields{keyPort: "secure", keyVerdict: verdictAllow, keyBytesIn: 8, keyBytesOut: longAnswer, keyCloseReason: "end_of_stream"})
	})
	t.Run("through a pair", func(t *testing.T) {
		p := startPair(t, serve(t, answerAfterEnd))
		out := client{stdin: strings.NewReader("request\n")}.must(t, need(t, "socat"), "-t", "60", "-", "TCP:"+p.address)
		if got := checksum(t, strings.NewReader(out)); got != want {
			t.Errorf("%d bytes with checksum %s, want %d with %s", len(out), got, longAnswer, want)
		}
		for _, s := range []*sallyport{p.egress, p.ingress} {
			s.wantRecord(t, fields{keyVerdict: verdictAllow, keyBytesIn: 8, keyBytesOut: longAnswer, keyCloseReason: "end_of_stream"})
		}
	})
}

// TestReset resets either side and expects the reset on the other, not an orderly end.
func TestReset(t *testing.T) {
	ca := newAuthority(t, "CA")
	ends := make(chan error, 1)
	s, plain, secure := startTwoPorts(t, ca, serve(t, func(conn *net.TCPConn) {
		first := make([]byte, 5)
		if _, err := io.ReadFull(conn, first); err != nil {
			ends <- err
			return
		}
		if string(first) == "reset" {
			conn.SetLinger(0)
			return // the deferred close resets
		}
		conn.Write(first)
		_, err := io.Copy(io.Discard, conn)
		ends <- err
	}))

	for _, port := range []struct {
		id   string
		open func(t *testing.T) (conn net.Conn, socket *net.TCPConn)
	}{
		{"plain", func(t *testing.T) (net.Conn, *net.TCPConn) {
			conn := dial(t, plain, "")
			return conn, conn
		}},
		{"secure", func(t *testing.T) (net.Conn, *net.TCPConn) {
			conn := ca.dialTLS(t, secure, nil)
			return conn, conn.NetConn().(*net.TCPConn)
		}},
	} {
		t.Run("by the client, "+port.id, func(t *testing.T) {
			conn, socket := port.open(t)
			exchange(t, conn, "hello")
			socket.SetLinger(0)
			socket.Close()
			select {
			case err := <-ends:
				if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the server saw %v, want a reset", err)
				}
			case <-time.After(patience):
				t.Fatal("the server saw nothing")
			}
			s.wantRecord(t, fields{keyPort: port.id, keyVerdict: verdictAllow, keyClosedBy: "client", keyCloseReason: "reset"})
		})
		t.Run("by the server, "+port.id, func(t *testing.T) {
			conn, _ := port.open(t)
			io.WriteString(conn, "reset")
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client saw %v, want a reset", err)
			}
			s.wantRecord(t, fields{keyPort: port.id, keyVerdict: verdictAllow, keyClosedBy: "upstream", keyCloseReason: "reset"})
		})
	}
}
