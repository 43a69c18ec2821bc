package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/admin"
)

// clientStorm is clients that connect as fast as they can.
type clientStorm struct {
	address  string
	stop     atomic.Bool
	attempts atomic.Int64
	clients  sync.WaitGroup

	mu     sync.Mutex
	losses map[string]int
}

func (s *clientStorm) start(clients int) {
	s.losses = map[string]int{}
	for range clients {
		s.clients.Go(func() {
			for !s.stop.Load() {
				err := echoByte(s.address)
				s.attempts.Add(1)
				if err != nil {
					s.mu.Lock()
					s.losses[err.Error()]++
					s.mu.Unlock()
				}
			}
		})
	}
}

// echoByte sends a byte through a port and wants it back.
func echoByte(address string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetLinger(0) // or thousands wait for their end, and local ports run out
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("x")); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return nil
}

// TestMovesUnderLoad: a port changes its address again and again while clients connect at full rate. None is refused, reset
// or left alone.
func TestMovesUnderLoad(t *testing.T) {
	const (
		rounds  = 20
		clients = 8
		between = 50 // connections, at least, between two moves
	)
	dir := t.TempDir()
	path := filepath.Join(dir, "site.toml")
	d := newDaemon(path, newLogHandler(io.Discard), nil)
	move := func(listen string) {
		t.Helper()
		writeSite(t, dir, listen)
		if result := d.change(t.Context(), admin.TriggerStart); !result.OK {
			t.Fatalf("to %s: %v", listen, result.Problems)
		}
	}
	port := freePort(t)
	move("127.0.0.1:" + port)
	defer func() {
		d.sockets.Close()
		d.serving.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if cut, err := d.server.Drain(ctx); err != nil {
			t.Errorf("%d sessions are left: %v", cut, err)
		}
	}()
	s := &clientStorm{address: "127.0.0.1:" + port}
	s.start(clients)
	for range rounds {
		for _, host := range []string{"0.0.0.0", "127.0.0.1", "", "localhost"} {
			seen := s.attempts.Load()
			move(net.JoinHostPort(host, port))
			eventually(t, fmt.Sprintf("clients get on at %q", host), func() bool { return s.attempts.Load() >= seen+between })
		}
	}
	s.stop.Store(true)
	s.clients.Wait()
	t.Logf("%d connections through %d moves", s.attempts.Load(), 4*rounds)
	if len(s.losses) > 0 {
		t.Errorf("of %d connections were lost: %v", s.attempts.Load(), s.losses)
	}
}

// freePort finds a port that nobody has at any address, among those that the kernel does not give to clients.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", ":"+strconv.Itoa(20000+rand.IntN(12000)))
		if err == nil {
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// writeSite writes a configuration with one plaintext echo port.
func writeSite(t *testing.T, dir, listen string) {
	t.Helper()
	for name, text := range map[string]string{
		"site.toml": fmt.Sprintf(`[admin]
listen = "off"
[policy]
files = ["rules.toml"]
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "p"
listen = %q
mode = "plaintext"
`, listen),
		"rules.toml": `[[allow]]
id = "r"
from = ["loopback"]
to = ["a/p"]
tls = "any"
owner = "test"
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
