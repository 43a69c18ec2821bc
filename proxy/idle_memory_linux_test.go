//go:build !race

package proxy

import (
	"io"
	"net"
	"os"
	"runtime"
	"testing"
)

// TestIdleMemory holds what an idle session costs: heap and stacks, as the runtime counts them, the sockets of client and
// server included, since they are in this process, too.
func TestIdleMemory(t *testing.T) {
	const sessions = 200
	tests := []struct {
		name   string
		secure bool
		size   int
		most   int // bytes a session
	}{
		{"plaintext", false, 1 << 10, 10 << 10},
		{"TLS, 1 KiB messages", true, 1 << 10, 14 << 10},
		{"TLS, 16 KiB messages", true, 16 << 10, 30 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept := make(chan *os.File, sessions+1)
			defer func() {
				for range sessions + 1 {
					(<-kept).Close()
				}
			}()
			r := parking(t, tt.secure, func(conn net.Conn) {
				io.CopyN(conn, conn, int64(tt.size))
				far, err := conn.(*net.TCPConn).File() // keeps the connection, without a goroutine
				if err != nil {
					t.Error(err)
				}
				kept <- far
			})
			connect := r.dial
			if tt.secure {
				config := r.clientConfig()
				config.DynamicRecordSizingDisabled = true // one record a message
				connect = func() net.Conn { return r.dialTLS(config) }
			}
			message := string(make([]byte, tt.size))
			say(t, connect(), message) // what is made once
			r.waitParked(1)
			before := memoryInUse()
			for range sessions {
				say(t, connect(), message)
			}
			r.waitParked(1 + sessions)
			got := (memoryInUse() - before) / sessions
			t.Logf("%d bytes a session", got)
			if got > tt.most {
				t.Errorf("%d bytes for an idle session, want at most %d", got, tt.most)
			}
		})
	}
}

// memoryInUse collects, and returns how much of heap and stacks is left.
func memoryInUse() int {
	for range 3 { // pools let go in the second, stacks of goroutines that have ended in the one after
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
