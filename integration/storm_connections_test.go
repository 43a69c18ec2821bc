//go:build integration

package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// newcomer is a way to connect, again and again.
type newcomer struct {
	name, port string
	config     *tls.Config // nil: plaintext
	resumes    bool
}

func (s *storm) newcomers() []newcomer {
	return []newcomer{
		{"TLS 1.3", "secure", s.ca.ClientConfig("localhost", nil), false},
		{"TLS 1.3, resumed", "secure", resuming(s.ca.ClientConfig("localhost", nil)), true},
		{"TLS 1.2, resumed", "secure", until12(resuming(s.ca.ClientConfig("localhost", nil))), true},
		{"plaintext", "plain", nil, false},
		{"detected TLS", "auto", s.ca.ClientConfig("localhost", nil), false},
		{"detected plaintext", "auto", nil, false},
	}
}

func resuming(c *tls.Config) *tls.Config {
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return c
}

func until12(c *tls.Config) *tls.Config {
	c.MaxVersion = tls.VersionTLS12
	return c
}

// crowd connects without a pause, in every way, until it is stopped.
type crowd struct {
	attempts, resumed atomic.Int64
	stop              atomic.Bool
	all               sync.WaitGroup

	mu     sync.Mutex
	losses []error
}

// gather starts a crowd; seen is told what was served to each TLS client, and when it began to connect.
func (s *storm) gather(t *testing.T, seen func(serial string, began time.Time) error) *crowd {
	t.Helper()
	c := new(crowd)
	for lane, who := range s.newcomers() {
		c.all.Go(func() {
			for n := 0; !c.stop.Load(); n++ {
				began := time.Now()
				c.attempts.Add(1)
				state, err := s.visit(who, fmt.Sprintf("127.0.%d.%d", 1+lane, 1+n%250))
				if err == nil && state != nil && seen != nil && !state.DidResume { // which shows the certificate of then
					err = seen(state.PeerCertificates[0].SerialNumber.String(), began)
				}
				if err != nil {
					c.lose(fmt.Errorf("%s: %w", who.name, err))
				}
				if state != nil && state.DidResume {
					c.resumed.Add(1)
				}
			}
		})
	}
	t.Cleanup(func() { c.disperse(t) })
	return c
}

func (c *crowd) lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.losses = append(c.losses, err)
}

// disperse stops the crowd, fails the test if any connection was lost, and returns how many were.
func (c *crowd) disperse(t *testing.T) (losses int) {
	t.Helper()
	c.stop.Store(true)
	c.all.Wait()
	for i, err := range c.losses {
		if i < 10 {
			t.Errorf("lost: %v", err)
		}
	}
	if len(c.losses) > 0 {
		t.Errorf("%d of %d connections were lost", len(c.losses), c.attempts.Load())
	}
	losses, c.losses = len(c.losses), nil
	return losses
}

// wait returns when so many more have connected, so that a busy machine does not let a storm pass without them.
func (c *crowd) wait(t *testing.T, more int64) {
	t.Helper()
	enough := c.attempts.Load() + more
	waitFor(t, "more connections", func() bool {
		if n := c.lost(); n > 20 {
			t.Fatalf("%d connections are lost already", n)
		}
		return c.attempts.Load() >= enough
	})
}

func (c *crowd) lost() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.losses)
}

// visit is one whole session from a source address of the client's own: ports of one address would run out.
func (s *storm) visit(who newcomer, source string) (*tls.ConnectionState, error) {
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	conn, err := dialer.Dial("tcp", s.at[who.port])
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if who.config == nil {
		if !echoes(conn) {
			return nil, errors.New("no echo")
		}
		return nil, nil
	}
	secured := tls.Client(conn, who.config)
	if err := secured.Handshake(); err != nil {
		return nil, err
	}
	if !echoes(secured) {
		return nil, errors.New("no echo")
	}
	secured.Close()
	state := secured.ConnectionState()
	return &state, nil
}

// TestStormNewConnections connects at full rate in every way during a hundred reloads, half of them with broken files, by
// command and by the files alone. No connection may be refused, reset or fail.
func TestStormNewConnections(t *testing.T) {
	for _, test := range []struct {
		name    string
		watch   bool
		reloads int
	}{
		{"by command", false, storms(100, 2000)},
		{"by watching", true, storms(40, 1000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startStorm(t, "builtin:echo", test.watch, 500)
			c := s.gather(t, nil)
			c.wait(t, 100)
			began := time.Now()
			for n := range test.reloads {
				if test.watch {
					s.turnAlone(t, n)
				} else {
					s.turn(t, n)
				}
				c.wait(t, 20)
			}
			took := time.Since(began)
			c.wait(t, 100)
			losses := c.disperse(t)
			if c.resumed.Load() == 0 {
				t.Error("no client has resumed")
			}
			t.Logf("storm: %d connections attempted (%d resumed) during %d reloads, %d with broken files, in %s; lost: %d",
				c.attempts.Load(), c.resumed.Load(), test.reloads, test.reloads/2, took.Round(time.Millisecond), losses)
		})
	}
}

// turnAlone is turn where nobody says that files have changed.
func (s *storm) turnAlone(t *testing.T, n int) {
	t.Helper()
	before := s.status(t)
	if n%2 == 0 {
		s.mend(t, n/2)
		waitFor(t, fmt.Sprintf("reload %d", n), func() bool {
			now := s.status(t)
			return now.Generation > before.Generation && now.failure() == ""
		})
		return
	}
	want := s.breakFiles(t, n/2)
	waitFor(t, fmt.Sprintf("reload %d to fail with %q", n, want), func() bool {
		now := s.status(t)
		return now.LastFailure != nil && (before.LastFailure == nil || now.LastFailure.Time.After(before.LastFailure.Time)) &&
			containing(want)(now.failure())
	})
}

// rotation is how a certificate and its key are replaced while clients connect.
type rotation struct {
	name string
	lay  func(t *testing.T, dir string) // before the start
	put  func(t *testing.T, dir string, leaf *testpki.Leaf)
}

var rotations = []rotation{
	{"by two renames", func(*testing.T, string) {}, func(t *testing.T, dir string, leaf *testpki.Leaf) {
		replace(t, filepath.Join(dir, "server.crt"), string(leaf.CertPEM()))
		replace(t, filepath.Join(dir, "server.key"), string(leaf.KeyPEM(t)))
	}},
	{"in place", func(*testing.T, string) {}, func(t *testing.T, dir string, leaf *testpki.Leaf) { leaf.Write(t, dir, "server") }},
	{"by flipping a link", func(t *testing.T, dir string) {
		must(t, os.Mkdir(filepath.Join(dir, "0"), 0o700))
		flip(t, "0", filepath.Join(dir, "current"))
		for _, name := range []string{"server.crt", "server.key"} {
			must(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, "0", name)))
			must(t, os.Symlink(filepath.Join("current", name), filepath.Join(dir, name)))
		}
	}, func(t *testing.T, dir string, leaf *testpki.Leaf) {
		next := strconv.FormatInt(time.Now().UnixNano(), 10)
		must(t, os.Mkdir(filepath.Join(dir, next), 0o700))
		leaf.Write(t, filepath.Join(dir, next), "server")
		flip(t, next, filepath.Join(dir, "current"))
	}},
}

// TestStormRotation replaces the certificate while clients connect without a pause: each sees the old or the new one, none
// an error, and once anybody has seen the new one, nobody who comes later sees the old one.
func TestStormRotation(t *testing.T) {
	rounds := storms(15, 300)
	for _, how := range rotations {
		t.Run(how.name, func(t *testing.T) {
			s := startStorm(t, "builtin:echo", true, 500)
			how.lay(t, s.dir)
			h := &history{number: make(map[string]int)}
			h.add(t, s.good["server.crt"])
			c := s.gather(t, h.see)
			for round := range rounds {
				c.wait(t, 10)
				leaf := s.ca.Server(t, "localhost")
				h.add(t, string(leaf.CertPEM()))
				how.put(t, s.dir, leaf)
				waitFor(t, "the new certificate", func() bool { return h.newest() == round+1 })
			}
			c.wait(t, 100)
			losses := c.disperse(t)
			t.Logf("storm: %d connections attempted (%d resumed) during %d rotations; lost: %d", c.attempts.Load(), c.resumed.Load(), rounds, losses)
		})
	}
}

// history knows the order of certificates and who has seen which.
type history struct {
	mu     sync.Mutex
	number map[string]int // by serial number
	first  []time.Time    // when one was seen first, by number
}

func (h *history) add(t *testing.T, certificate string) {
	t.Helper()
	serial := serialOf(t, certificate)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.number[serial] = len(h.number)
}

// see takes in what a client was served that began to connect at a time.
func (h *history) see(serial string, began time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, known := h.number[serial]
	if !known {
		return fmt.Errorf("a certificate that never was: %s", serial)
	}
	for len(h.first) <= n {
		h.first = append(h.first, time.Now())
	}
	if newest := len(h.first) - 1; newest > n && h.first[n+1].Before(began) {
		return fmt.Errorf("certificate %d %s after %d was served", n, began.Sub(h.first[n+1]), n+1)
	}
	return nil
}

// newest returns the number of the newest certificate that was seen, -1 if none was.
func (h *history) newest() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.first) - 1
}
