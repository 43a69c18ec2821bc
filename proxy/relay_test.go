package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"sallyport/policy"
)

// way is a combination of what the two sides speak.
type way struct {
	name     string
	client   uint16 // TLS version; 0: plaintext
	upstream string // tcp, unix or tls
}

var (
	tcpWays = []way{
		{"plaintext to plaintext", 0, "tcp"},
		{"plaintext to TLS", 0, "tls"},
		{"TLS 1.2 to plaintext", tls.VersionTLS12, "tcp"},
		{"TLS 1.2 to TLS", tls.VersionTLS12, "tls"},
		{"TLS 1.3 to plaintext", tls.VersionTLS13, "tcp"},
		{"TLS 1.3 to TLS", tls.VersionTLS13, "tls"},
	}
	unixWays = []way{
		{"plaintext to unix", 0, "unix"},
		{"TLS 1.2 to unix", tls.VersionTLS12, "unix"},
		{"TLS 1.3 to unix", tls.VersionTLS13, "unix"},
	}
	allWays = append(unixWays, tcpWays...)
)

// through runs a test once for each way: prepare returns what the upstream does and the client's part.
func through(t *testing.T, ways []way, prepare func(*testing.T, *rig) (serve, client func(net.Conn))) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			r := newRig(t, silence)
			serve, client := prepare(t, r)
			if way.upstream == "tls" {
				r.serveTLS(serve)
			} else {
				r.serveOn(way.upstream, nil, serve)
			}
			if way.client != 0 {
				r.secure(way.client)
			}
			r.start()
			client(r.connect())
		})
	}
}

// noise returns n random bytes, the same for the same seed.
func noise(seed, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

// sendAll writes b and ends the stream.
func sendAll(t *testing.T, conn net.Conn, b []byte) {
	if _, err := conn.Write(b); err != nil {
		t.Errorf("write: %v", err)
	}
	if err := halfClose(conn); err != nil {
		t.Errorf("half-close: %v", err)
	}
}

// wantAll reads to the end of the stream.
func wantAll(t *testing.T, conn net.Conn, want []byte) {
	var got bytes.Buffer
	got.Grow(len(want) + bytes.MinRead)
	if _, err := got.ReadFrom(conn); err != nil {
		t.Errorf("read: %v", err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes arrived, want %d, all the same", got.Len(), len(want))
	}
}

// exchange sends and receives at once, to the end of both streams.
func exchange(t *testing.T, conn net.Conn, send, want []byte) {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		sendAll(t, conn, send)
	}()
	wantAll(t, conn, want)
	<-sent
}

func TestRelayBothWaysAtOnce(t *testing.T) {
	up, down := noise(1, 3<<20+17), noise(2, 5<<20+1)
	through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		serve = func(conn net.Conn) { exchange(t, conn, down, up) }
		client = func(conn net.Conn) {
			exchange(t, conn, up, down)
			r.wantRecord(KeyBytesIn, len(up), KeyBytesOut, len(down), KeyCloseReason, policy.EndOfStream, KeyVerdict, "allow")
			r.wantNoRecord()
		}
		return serve, client
	})
}

// TestRelayAnswerAfterEnd: whoever has said everything still hears everything.
func TestRelayAnswerAfterEnd(t *testing.T) {
	request, answer := []byte("request"), noise(3, 20<<20)
	t.Run("of the client", func(t *testing.T) {
		through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
			serve = func(conn net.Conn) {
				wantAll(t, conn, request)
				sendAll(t, conn, answer)
			}
			client = func(conn net.Conn) {
				sendAll(t, conn, request)
				wantAll(t, conn, answer)
				r.wantRecord(KeyBytesIn, len(request), KeyBytesOut, len(answer), KeyCloseReason, policy.EndOfStream, KeyClosedBy, Client)
			}
			return serve, client
		})
	})
	t.Run("of the server", func(t *testing.T) {
		through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
			serve = func(conn net.Conn) {
				sendAll(t, conn, request)
				wantAll(t, conn, answer)
			}
			client = func(conn net.Conn) {
				wantAll(t, conn, request)
				sendAll(t, conn, answer)
				r.wantRecord(KeyBytesIn, len(answer), KeyBytesOut, len(request), KeyCloseReason, policy.EndOfStream, KeyClosedBy, Upstream)
			}
			return serve, client
		})
	})
}

func TestRelaySmallMessages(t *testing.T) {
	through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		client = func(conn net.Conn) {
			total := 0
			for i := range 500 {
				message := noise(i, 1+i%17)
				total += len(message)
				if _, err := conn.Write(message); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(message))
				if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
					t.Fatalf("message %d: got %x, %v, want %x", i, got, err, message)
				}
			}
			sendAll(t, conn, nil)
			wantAll(t, conn, nil)
			r.wantRecord(KeyBytesIn, total, KeyBytesOut, total)
		}
		return echo, client
	})
}

func TestRelaySingleBytes(t *testing.T) {
	want := noise(4, 2000)
	through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		serve = func(conn net.Conn) {
			for _, b := range want {
				conn.Write([]byte{b})
			}
			wantAll(t, conn, want)
		}
		client = func(conn net.Conn) {
			for _, b := range want {
				conn.Write([]byte{b})
			}
			halfClose(conn)
			wantAll(t, conn, want)
			r.wantRecord(KeyBytesIn, len(want), KeyBytesOut, len(want))
		}
		return serve, client
	})
}

// TestSlowReader: the sender is held up while the receiver does not read, and nothing is lost.
func TestSlowReader(t *testing.T) {
	const blocks = 64 // MiB, more than all the sockets hold
	block := noise(5, 1<<20)
	through(t, allWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
		var sent counter
		serve = func(conn net.Conn) {
			for range blocks {
				if _, err := conn.Write(block); err != nil {
					t.Errorf("write: %v", err)
				}
				sent.Add(1)
			}
			halfClose(conn)
			silence(conn)
		}
		client = func(conn net.Conn) {
			sent.waitUntilSteady()
			if sent.Load() == blocks {
				t.Errorf("a sender whose receiver does not read gets rid of %d MiB", blocks)
			}
			got := make([]byte, len(block))
			for i := range blocks {
				if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, block) {
					t.Fatalf("MiB %d: %v, or damaged", i, err)
				}
			}
			sendAll(t, conn, nil)
			wantAll(t, conn, nil)
			r.wantRecord(KeyBytesOut, blocks<<20, KeyCloseReason, policy.EndOfStream)
		}
		return serve, client
	})
}
