package proxy

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport/policy"
)

// mostCalls is how many reads and writes a MiB may take: 16 steps of a chunk, and a few for the beginning and the end. A call
// for each record would be 64 and more.
const mostCalls = 34

// TestCallsOfBulk counts how often the sockets of a direction are read and written, while there is always a chunk to be read.
func TestCallsOfBulk(t *testing.T) {
	const size = 32 << 20
	kinds := []struct {
		name     string
		from, to uint16 // TLS versions; 0: plaintext
	}{
		{"down over TLS 1.3", 0, tls.VersionTLS13},
		{"down over TLS 1.2", 0, tls.VersionTLS12},
		{"up over TLS 1.3", tls.VersionTLS13, 0},
		{"up over TLS 1.2", tls.VersionTLS12, 0},
		{"plaintext", 0, 0},
	}
	for _, tt := range kinds {
		t.Run(tt.name, func(t *testing.T) {
			var pipes pipePool
			pipes.most = 1
			defer pipes.close()
			f := flow{pipes: &pipes}
			var sender, receiver net.Conn
			f.from, sender = endOver(t, tt.from)
			f.to, receiver = endOver(t, tt.to)
			calls := new(calls)
			calls.watch(t, f.from)
			calls.watch(t, f.to)

			go func() {
				defer calls.sent.Store(true)
				b := make([]byte, 256<<10)
				for range size / len(b) {
					if _, err := sender.Write(b); err != nil {
						t.Error(err)
						return
					}
				}
				halfClose(sender)
			}()
			go silence(bareSocket(receiver))
			c := startClock(&Limits{}, time.Now(), nil, nil, func(policy.Reason) {})
			defer c.stop()
			end := f.run(c)
			if end.reason != policy.EndOfStream || f.bytes.Load() != size {
				t.Fatalf("%s after %d bytes, want %d: %v", end.reason, f.bytes.Load(), size, end.err)
			}
			perMiB := float64(calls.reads.Load()+calls.writes.Load()) / (size >> 20)
			t.Logf("%.1f calls for each MiB: %d reads, %d writes", perMiB, calls.reads.Load(), calls.writes.Load())
			if perMiB > mostCalls {
				t.Errorf("%.1f calls for each MiB, want at most %d", perMiB, mostCalls)
			}
		})
	}
}

// endOver returns an end on a socket, and its peer.
func endOver(t *testing.T, version uint16) (*end, net.Conn) {
	near, far := sockets(t)
	near.(*net.TCPConn).SetReadBuffer(1 << 20) // room for chunks, however little the system begins with
	far.(*net.TCPConn).SetWriteBuffer(1 << 20)
	if version == 0 {
		return plainEnd(Client, near), far
	}
	return tlsOver(t, version, near, far)
}

// calls counts those of sockets.
type calls struct {
	reads, writes atomic.Int64
	sent          atomic.Bool // nothing more comes
}

// watch counts what is done with an end from now on.
func (c *calls) watch(t *testing.T, e *end) {
	raw := countedRaw{e.socket.raw, t, c}
	conn := countedConn{e.conn, c}
	e.socket.raw, e.conn = raw, conn
	if e.wire != nil {
		e.wire.Conn = conn
	}
}

// countedRaw lets a socket be read when there is a chunk in it, so that it does not depend on the sender how often that is.
type countedRaw struct {
	syscall.RawConn
	t *testing.T
	*calls
}

func (c countedRaw) Read(f func(uintptr) bool) error {
	eventually(c.t, "a chunk has come", func() bool {
		n := 0
		c.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		return n >= chunkSize || c.sent.Load()
	})
	return c.RawConn.Read(func(fd uintptr) bool {
		c.reads.Add(1)
		return f(fd)
	})
}

func (c countedRaw) Write(f func(uintptr) bool) error {
	return c.RawConn.Write(func(fd uintptr) bool {
		c.writes.Add(1)
		return f(fd)
	})
}

// countedConn counts what is written other than through the raw connection.
type countedConn struct {
	net.Conn
	*calls
}

func (c countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}
