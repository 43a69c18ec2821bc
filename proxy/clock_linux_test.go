package proxy

import (
	"io"
	"net"
	"testing"
	"time"
)

// A slow reader empties the kernel's buffers for a long time before anything can be added to them. Bytes
// move all the while, so the session is not idle.
func TestSlowReaderIsNotIdle(t *testing.T) {
	const size = 16 << 20 // more than all buffers on the way hold
	r := newRig(t, func(conn net.Conn) {
		conn.Write(make([]byte, size))
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	})
	r.limits.IdleTimeout = 2 * time.Second
	r.start()
	conn := r.dial()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	slow := time.After(2 * r.limits.IdleTimeout)
	total := 0
	for reading := true; reading; { // 10 KiB at a time
		select {
		case <-tick.C:
			n, err := conn.Read(make([]byte, 10<<10))
			if err != nil {
				t.Fatalf("cut after %d bytes: %v", total, err)
			}
			total += n
		case <-slow:
			reading = false
		}
	}
	rest, err := io.Copy(io.Discard, conn)
	if err != nil || total+int(rest) != size {
		t.Errorf("%d bytes arrived, %v; want %d", total+int(rest), err, size)
	}
	conn.Close()
	r.wantRecord(KeyBytesOut, size)
}
