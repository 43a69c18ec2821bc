package proxy

import (
	"net"
	"testing"
	"time"
)

// A peer that does not read keeps its window closed, for hours if it likes. It is not dead.
func TestPausedReaderOwesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reader, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := newSocket(conn)
	if inFlight, owed := s.unacknowledged(0); inFlight || owed {
		t.Errorf("a quiet connection: in flight %t, owed %t", inFlight, owed)
	}
	block := make([]byte, 1<<20)
	for { // until the window and both buffers are full
		conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := conn.Write(block); err != nil {
			break
		}
	}
	probed := time.NewTimer(2 * time.Second) // several of the kernel's window probes
	defer probed.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for silent := 0; ; {
		inFlight, owed := s.unacknowledged(0)
		if !inFlight {
			t.Fatal("nothing is in flight, so the buffers are not full and the test shows nothing")
		}
		if silent++; !owed { // a probe may just be on its way
			silent = 0
		}
		if silent == looks {
			t.Fatal("a reader that answers window probes is taken for dead")
		}
		select {
		case <-probed.C:
			return
		case <-tick.C:
		}
	}
}
