package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"sallyport/policy"
)

// wantReset reads until the connection ends, which must be a reset: an end of the stream would say
// that everything has arrived.
func wantReset(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the stream ends with %v, want a reset", err)
	}
}

// fill writes until the other side takes no more.
func fill(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	b := make([]byte, 64<<10)
	for {
		if _, err := conn.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
			return
		} else if err != nil {
			t.Errorf("write: %v", err)
			return
		}
	}
}

// resets are what the two directions of a session can be doing when one side resets it.
var resets = []struct {
	name     string
	told     bool // who is told has sent until nothing more was taken
	resetter bool // who resets has sent something
}{
	{name: "idle"},
	{name: "while the one who is told sends", told: true},
	{name: "while the one who resets sends", resetter: true},
	{name: "while both send", told: true, resetter: true},
}

// TestResetByClientReachesUpstream holds even if the proxy hears of the reset where it writes.
func TestResetByClientReachesUpstream(t *testing.T) {
	for _, tt := range resets {
		t.Run(tt.name, func(t *testing.T) {
			through(t, tcpWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
				ready := make(chan struct{})
				serve = func(conn net.Conn) {
					io.ReadFull(conn, make([]byte, 1))
					if tt.told {
						fill(t, conn)
					}
					close(ready)
					wantReset(t, conn)
				}
				client = func(conn net.Conn) {
					conn.Write([]byte{1})
					<-ready
					if tt.resetter {
						conn.Write(noise(1, 100<<10))
					}
					abort(conn)
					r.wantRecord(KeyCloseReason, policy.Reset, KeyClosedBy, Client, KeyVerdict, "allow")
					r.wantNoRecord()
				}
				return serve, client
			})
		})
	}
}

func TestResetByUpstreamReachesClient(t *testing.T) {
	for _, tt := range resets {
		t.Run(tt.name, func(t *testing.T) {
			through(t, tcpWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
				ready := make(chan struct{})
				serve = func(conn net.Conn) {
					io.ReadFull(conn, make([]byte, 1))
					if tt.resetter {
						conn.Write(noise(1, 100<<10))
					}
					<-ready
					abort(conn)
				}
				client = func(conn net.Conn) {
					conn.Write([]byte{1})
					if tt.told {
						fill(t, conn)
					}
					close(ready)
					wantReset(t, conn)
					r.wantRecord(KeyCloseReason, policy.Reset, KeyClosedBy, Upstream)
					r.wantNoRecord()
				}
				return serve, client
			})
		})
	}
}
