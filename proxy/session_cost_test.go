package proxy

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
)

// Compare two versions of the program with
//
//	go test ./proxy -run '^$' -bench Session -count 10 >new.txt
//	go run golang.org/x/perf/cmd/benchstat@latest old.txt new.txt
//
// The client and the server behind are part of what is measured.

// ended is a handler that tells of each record. It takes no time of its own, and no memory.
type ended chan struct{}

func (ended) Enabled(context.Context, slog.Level) bool    { return true }
func (e ended) Handle(context.Context, slog.Record) error { e <- struct{}{}; return nil }
func (e ended) WithAttrs([]slog.Attr) slog.Handler        { return e }
func (e ended) WithGroup(string) slog.Handler             { return e }
func (e ended) session(t testing.TB, dial func() net.Conn) {
	visit(t, dial())
	<-e
}

// visit sends a message, takes the echo and hangs up.
func visit(t testing.TB, conn net.Conn) {
	var message [128]byte
	if _, err := conn.Write(message[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, message[:]); err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// sessionKind is a way to a server through a port, and the same way without sallyport.
type sessionKind struct {
	name    string
	secure  bool
	resumed bool
}

var sessionKinds = []sessionKind{{"plaintext", false, false}, {"TLS", true, false}, {"TLS, resumed", true, true}}

// ways returns a function that makes a session through a port, one at a time, and one that makes it straight to a server.
func (k sessionKind) ways(t testing.TB) (through, straight func()) {
	r := newRig(t, echoOnce)
	over := make(ended, 1)
	r.handler = over
	dialer := func(address string) func() net.Conn {
		return func() net.Conn {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
	}
	var server, client *tls.Config
	if k.secure {
		r.secure(tls.VersionTLS13)
		server, client = r.port.TLS, r.clientConfig()
		if k.resumed {
			client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		}
		plain := dialer
		dialer = func(address string) func() net.Conn {
			dial := plain(address)
			return func() net.Conn { return tls.Client(dial(), client) }
		}
	}
	r.start()
	direct := listen(t, "tcp")
	done := make(chan struct{}, 1)
	r.answers.Go(func() {
		for {
			conn, err := direct.Accept()
			if err != nil {
				return
			}
			if server != nil {
				conn = tls.Server(conn, server)
			}
			echoOnce(conn)
			done <- struct{}{}
		}
	})
	r.servers = append(r.servers, direct)
	toPort, toServer := dialer(r.address.String()), dialer(direct.Addr().String())
	through = func() { over.session(t, toPort) }
	straight = func() { visit(t, toServer()); <-done }
	return through, straight
}

// echoOnce is echo without the memory that io.Copy takes.
func echoOnce(conn net.Conn) {
	var message [128]byte
	if _, err := io.ReadFull(conn, message[:]); err == nil {
		conn.Write(message[:])
		conn.Read(message[:])
	}
	conn.Close()
}

func BenchmarkSession(b *testing.B) {
	for _, k := range sessionKinds {
		b.Run(k.name, func(b *testing.B) {
			through, _ := k.ways(b)
			b.ReportAllocs()
			for b.Loop() {
				through()
			}
		})
	}
}
