package load

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sallyport/bench/backend"
	"sallyport/internal/testpki"
)

const serverName = "load.example.com"

// server is what jobs are tested against: the backend's protocol, over TLS where there is a configuration.
type server struct {
	address    string
	mu         sync.Mutex
	sources    []netip.AddrPort
	complaints []string
}

// serve starts a server; change may be nil, and sees each connection below TLS, or above it.
func serve(t *testing.T, secure *tls.Config, change func(net.Conn) net.Conn) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String()}
	watched := net.Listener(&watchedListener{l, s})
	if secure != nil {
		watched = tls.NewListener(watched, secure)
	}
	if change != nil {
		watched = &changedListener{watched, change}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		backend.Serve(watched, func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.complaints = append(s.complaints, err.Error())
		})
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return s
}

// secureServer is a server with TLS 1.3 and a certificate for serverName.
func secureServer(t *testing.T, change func(net.Conn) net.Conn) (*server, *Security) {
	t.Helper()
	ca := testpki.New(t)
	s := serve(t, ca.ServerConfig(t, serverName), change)
	return s, expecting(t, ca)
}

// expecting is what a job expects of a server of ca.
func expecting(t *testing.T, ca *testpki.CA) *Security {
	t.Helper()
	file := testpki.WriteFile(t, filepath.Join(t.TempDir(), "ca.crt"), ca.PEM())
	return &Security{
		CA:         file,
		ServerName: serverName,
		Version:    tls.VersionTLS13,
		Cipher:     tls.TLS_AES_128_GCM_SHA256,
		Group:      uint16(tls.X25519),
		Signer:     "ECDSA",
	}
}

// from returns the addresses that connections came from so far.
func (s *server) from() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]netip.AddrPort(nil), s.sources...)
}

type watchedListener struct {
	net.Listener
	server *server
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.server.mu.Lock()
		l.server.sources = append(l.server.sources, netip.MustParseAddrPort(conn.RemoteAddr().String()))
		l.server.mu.Unlock()
	}
	return conn, err
}

type changedListener struct {
	net.Listener
	change func(net.Conn) net.Conn
}

func (l *changedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.change(conn), nil
}

// carriedOut does a job as a worker does.
func carriedOut(t *testing.T, job Job) (Result, error) {
	t.Helper()
	counted := newTally()
	task, err := job.task(counted)
	if err != nil {
		return Result{}, err
	}
	defer task.close()
	if err := task.prepare(t.Context()); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), job.Duration)
	defer cancel()
	counted.begin()
	start := time.Now()
	if err := task.run(ctx); err != nil {
		return Result{}, err
	}
	return counted.result(time.Since(start)), nil
}
