package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"sallyport/policy"
)

// tlsVersions are the versions that a port serves by default.
var tlsVersions = []struct {
	name    string
	version uint16
}{{"TLS 1.2", tls.VersionTLS12}, {"TLS 1.3", tls.VersionTLS13}}

func eachVersion(t *testing.T, f func(t *testing.T, version uint16)) {
	for _, tt := range tlsVersions {
		t.Run(tt.name, func(t *testing.T) { f(t, tt.version) })
	}
}

// TestTruncatedByClient: a TLS client that closes without close_notify is not taken for one that said goodbye,
// and the server still learns that nothing more comes.
func TestTruncatedByClient(t *testing.T) {
	beginnings := map[string][]byte{
		"between records":   nil,
		"within a header":   {0x17, 3, 3},
		"within a record":   {0x17, 3, 3, 0, 100, 1, 2, 3},
		"within a long one": append([]byte{0x17, 3, 3, 0x40, 0}, make([]byte, 9000)...),
	}
	for name, beginning := range beginnings {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				r := newRig(t, func(conn net.Conn) {
					wantAll(t, conn, []byte("so far"))
				}).secure(version).start()
				conn := r.dialTLS(nil)
				conn.Write([]byte("so far"))
				conn.NetConn().Write(beginning)
				halfClose(conn.NetConn())
				r.wantRecord(KeyCloseReason, policy.Truncated, KeyClosedBy, Client, KeyBytesIn, 6)
			})
		})
	}
}

func TestTruncatedByUpstream(t *testing.T) {
	r := newRig(t, nil)
	r.serveTLS(func(conn net.Conn) {
		conn.Write([]byte("so far"))
		conn.(*tls.Conn).NetConn().Close()
	})
	r.start()
	conn := r.dial()
	wantAll(t, conn, []byte("so far"))
	conn.Close()
	r.wantRecord(KeyCloseReason, policy.Truncated, KeyClosedBy, Upstream, KeyBytesOut, 6)
}

// TestGoodbyeOfUpstreamIsEnough: a client that answers close_notify by closing its socket, as most do, has not
// cut anything.
func TestGoodbyeOfUpstreamIsEnough(t *testing.T) {
	r := newRig(t, func(conn net.Conn) { conn.Write([]byte("bye")) }).secure(0).start()
	conn := r.dialTLS(nil)
	wantAll(t, conn, []byte("bye"))
	conn.NetConn().Close()
	r.wantRecord(KeyCloseReason, policy.EndOfStream, KeyClosedBy, Upstream)
}

func TestBrokenRecord(t *testing.T) {
	broken := []struct {
		name  string
		bytes []byte
		alert string
	}{
		{"forged", append([]byte{0x17, 3, 3, 0, 64}, make([]byte, 64)...), "bad record MAC"},
		{"too long", []byte{0x17, 3, 3, 0xff, 0xff, 0, 0, 0}, "record overflow"},
		{"no record at all", []byte("GET / HTTP/1.1\r\n\r\n"), "protocol version"},
	}
	for _, tt := range broken {
		t.Run(tt.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				told := make(chan struct{})
				r := newRig(t, func(conn net.Conn) {
					io.ReadFull(conn, make([]byte, 2))
					wantReset(t, conn)
					close(told)
				}).secure(version).start()
				conn := r.dialTLS(nil)
				conn.Write([]byte("ok"))
				conn.NetConn().Write(tt.bytes)
				_, err := io.Copy(io.Discard, conn)
				if err == nil || !strings.HasPrefix(err.Error(), "remote error") || !strings.Contains(err.Error(), tt.alert) {
					t.Errorf("the client is told %v, want the alert %q", err, tt.alert)
				}
				conn.NetConn().Close()
				r.wantRecord(KeyCloseReason, policy.ProtocolError, KeyClosedBy, Client, KeyBytesIn, 2)
				<-told
			})
		})
	}
}

// spoiling is a connection that damages what it reads once it is told to.
type spoiling struct {
	net.Conn
	now atomic.Bool
}

func (s *spoiling) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if s.now.Load() && n > 5 {
		b[n-1] ^= 1
	}
	return n, err
}

// TestPeerAlert: a client that finds a record broken says so with an alert, and the server sees a reset.
func TestPeerAlert(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		told, speak := make(chan struct{}), make(chan struct{})
		r := newRig(t, func(conn net.Conn) {
			conn.Write([]byte("hello"))
			<-speak
			conn.Write([]byte("damaged on its way"))
			wantReset(t, conn)
			close(told)
		}).secure(version).start()
		raw := &spoiling{Conn: r.dial()}
		conn := tls.Client(raw, r.clientConfig())
		if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		raw.now.Store(true)
		close(speak)
		io.Copy(io.Discard, conn)
		r.wantRecord(KeyCloseReason, policy.PeerAlert, KeyClosedBy, Client)
		<-told
	})
}
