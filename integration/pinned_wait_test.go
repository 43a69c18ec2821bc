//go:build integration

package integration

import (
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestPinnedWaiting lets ten clients come where there are two source ports: those who wait are served, one by one in the
// order in which they came.
func TestPinnedWaiting(t *testing.T) {
	t.Parallel()
	const ports, clients = 2, 10
	r := newRig(t, pins{ports: "20001-20002"})
	r.primary.startBefore(t, "builtin:echo")
	r.startEgress(t, near{wait: "15s"})
	conns := make([]*net.TCPConn, clients)
	served := make(chan int, clients)
	for i := range conns {
		conns[i] = r.connect(t)
		go func() {
			if echoes(conns[i]) {
				served <- i
			}
		}()
		if i < ports {
			wantNext(t, served, []int{i})
		} else {
			r.waitWaiting(t, i-ports+1)
		}
	}
	for i := range clients - ports {
		must(t, conns[i].Close())
		wantNext(t, served, []int{i + ports})
	}
	for _, conn := range conns[clients-ports:] {
		must(t, conn.Close())
	}
	r.wantWithin(t, r.pins.ports, clients)
}

// wantNext expects that one of these clients is served next.
func wantNext(t *testing.T, served <-chan int, want []int) {
	t.Helper()
	select {
	case got := <-served:
		if !slices.Contains(want, got) {
			t.Fatalf("client %d is served, want %v", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("nobody is served, want %v", want)
	}
}

// waitWaiting waits until so many sessions wait for a source port.
func (r *rig) waitWaiting(t *testing.T, n int) {
	t.Helper()
	waitFor(t, strconv.Itoa(n)+" sessions to wait for a source port", func() bool {
		waiting := 0
		for _, ports := range r.egress.admin().status(t).SourcePorts {
			waiting += ports.Waiting
		}
		return waiting == n
	})
}

// TestPinnedExhausted is too short of time: who comes while all ports are leased is refused with the reason, and whoever
// comes when one is free again is served.
func TestPinnedExhausted(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001-20002"})
	r.primary.startBefore(t, "builtin:echo")
	r.startEgress(t, near{wait: "50ms"})
	first, second := r.connect(t), r.connect(t)
	exchange(t, first, "one\n")
	exchange(t, second, "two\n")
	for range 3 {
		third := r.connect(t)
		wantRefused(t, third)
		r.egress.wantRecord(t, fields{
			keySource: third.LocalAddr(), keyCloseReason: "upstream_source_exhausted",
			keyError: containing("20001-20002"),
		})
	}
	first.Close()
	r.egress.wantRecord(t, fields{keySource: first.LocalAddr(), keyCloseReason: "end_of_stream"})
	waitFor(t, "a port to be free", func() bool {
		conn, err := r.clients.connect(nearAddress)
		if err != nil {
			return false
		}
		defer conn.Close()
		return echoes(conn)
	})
	exchange(t, second, "still there\n")
}

// TestPinnedPortTaken has another program take the one source port there is: clients are refused with the reason. Once
// it gives the port back, a client that waits is served.
func TestPinnedPortTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, pins{ports: "20001"})
	r.primary.startBefore(t, "builtin:echo")
	r.startEgress(t, near{wait: "100ms"})
	thief := r.clients.occupy(t, clientSocket.four+":20001")
	for range 2 {
		conn := r.connect(t)
		wantRefused(t, conn)
		r.egress.wantRecord(t, fields{
			keySource: conn.LocalAddr(), keyCloseReason: "upstream_source_taken", keyError: containing("20001"),
		})
	}
	r.egress.write(t, near{wait: "15s"}.config(t, r))
	r.egress.reload(t)
	conn := r.connect(t)
	_, err := io.WriteString(conn, "hello\n")
	must(t, err)
	r.waitWaiting(t, 1)
	must(t, thief.Close())
	if _, err := io.ReadFull(conn, make([]byte, 6)); err != nil {
		t.Errorf("who waited was not served: %v", err)
	}
}
