//go:build integration

package integration

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestPinnedEndings ends sessions in order and by resets, from either side: both sidecars pass on what happened, and the
// one source port there is serves the next session at once.
func TestPinnedEndings(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001"})
	ended := make(chan error, 1) // as the server saw it
	r.primary.serves(t, func(conn *net.TCPConn) { ended <- serveOrder(conn) })
	r.primary.start(t)
	r.startEgress(t, near{})
	isReset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
	isOrderly := func(err error) bool { return err == nil }
	for _, test := range []struct {
		name, order string
		end         func(t *testing.T, conn *net.TCPConn) error // returns what the client saw
		client      func(error) bool
		server      func(error) bool
		reason      string
		by          string
	}{
		{"client closes", "wait", closeAndDrain, isOrderly, isOrderly, "end_of_stream", ""},
		{"server closes", "close", drainAndClose, isOrderly, isOrderly, "end_of_stream", ""},
		{"client resets", "wait", reset, isOrderly, isReset, "reset", "client"},
		{"server resets", "reset", drain, isReset, isOrderly, "reset", "upstream"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 3 {
				conn := r.connect(t)
				exchange(t, conn, test.order+"\n")
				if err := test.end(t, conn); !test.client(err) {
					t.Errorf("the client saw %v", err)
				}
				if err := <-ended; !test.server(err) {
					t.Errorf("the server saw %v", err)
				}
				for _, s := range []*sallyport{r.egress, r.primary.sidecar} {
					s.wantRecord(t, fields{keyVerdict: verdictAllow, keyCloseReason: test.reason, keyClosedBy: func(by string) bool {
						return test.by == "" || by == test.by
					}})
				}
			}
		})
	}
}

// serveOrder echoes one line, which says how the connection is to end, and returns how it did.
func serveOrder(conn *net.TCPConn) error {
	line := make([]byte, 64)
	n, err := conn.Read(line)
	if err != nil {
		return err
	}
	if _, err := conn.Write(line[:n]); err != nil {
		return err
	}
	switch strings.TrimSpace(string(line[:n])) {
	case "reset":
		return conn.SetLinger(0)
	case "close":
		if err := conn.CloseWrite(); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

func drain(_ *testing.T, conn *net.TCPConn) error {
	_, err := io.Copy(io.Discard, conn)
	return err
}

func drainAndClose(t *testing.T, conn *net.TCPConn) error {
	return errors.Join(drain(t, conn), conn.Close())
}

func closeAndDrain(t *testing.T, conn *net.TCPConn) error {
	return errors.Join(conn.CloseWrite(), drain(t, conn), conn.Close())
}

func reset(_ *testing.T, conn *net.TCPConn) error {
	return errors.Join(conn.SetLinger(0), conn.Close())
}
