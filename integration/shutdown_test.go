//go:build integration

package integration

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"
)

// TestDrain stops the program during a transfer: nothing new is taken, what runs runs to its end.
func TestDrain(t *testing.T) {
	goOn := make(chan struct{})
	upstream := serve(t, func(conn *net.TCPConn) {
		answer := noise(longAnswer)
		conn.Write(answer[:longAnswer/2])
		<-goOn
		conn.Write(answer[longAnswer/2:])
		conn.CloseWrite()
		io.Copy(io.Discard, conn)
	})
	ca := newAuthority(t, "CA")
	s, plain, secure := startTwoPorts(t, ca, upstream)

	conns := []net.Conn{dial(t, plain, ""), ca.dialTLS(t, secure, nil)}
	answers := make([][]byte, len(conns))
	for i, conn := range conns {
		answers[i] = make([]byte, longAnswer/2)
		if _, err := io.ReadFull(conn, answers[i]); err != nil {
			t.Fatal(err)
		}
	}
	s.signal(t, syscall.SIGTERM)
	waitFor(t, "the ports to close", func() bool { return !accepts(plain) && !accepts(secure) })
	if !s.running() {
		t.Fatal("the program ended with sessions in it")
	}
	close(goOn)
	for i, conn := range conns {
		rest, err := io.ReadAll(conn)
		if err != nil {
			t.Fatalf("after %d bytes: %v", longAnswer/2+len(rest), err)
		}
		if !bytes.Equal(append(answers[i], rest...), noise(longAnswer)) {
			t.Errorf("session %d: %d bytes, and not those that were sent", i, longAnswer/2+len(rest))
		}
		conn.Close()
	}
	if code := s.wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, port := range []string{"plain", "secure"} {
		s.wantRecord(t, fields{keyPort: port, keyVerdict: verdictAllow, keyBytesOut: longAnswer})
	}
}

// TestSecondSignal does not wait for a session that would not end.
func TestSecondSignal(t *testing.T) {
	ca := newAuthority(t, "CA")
	s, plain, _ := startTwoPorts(t, ca, serve(t, echo))
	conn := dial(t, plain, "")
	exchange(t, conn, "hello\n")
	s.signal(t, syscall.SIGTERM)
	waitFor(t, "the port to close", func() bool { return !accepts(plain) })
	exchange(t, conn, "still there\n")
	s.signal(t, syscall.SIGTERM)
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the session goes on")
	}
	s.wait(t)
	s.wantRecord(t, fields{keyPort: "plain", keyVerdict: verdictAllow, keyClosedBy: "sallyport", keyCloseReason: "shutdown"})
}

// TestDrainTimeout cuts by itself what does not end.
func TestDrainTimeout(t *testing.T) {
	address := freeAddress(t)
	s := startSallyport(t, expand(t, `
[limits]
drain_timeout = "1s"
[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "plain"
  listen = "${address}"
  mode   = "plaintext"
`, vars{"address": address}))
	exchange(t, dial(t, address, ""), "hello\n")
	s.signal(t, syscall.SIGTERM)
	s.wait(t)
	s.wantRecord(t, fields{keyPort: "plain", keyVerdict: verdictAllow, keyClosedBy: "sallyport", keyCloseReason: "shutdown"})
}
