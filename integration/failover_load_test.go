//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// startNamed puts a Redis server on a host, which knows its host's name. It is the test's to kill.
func (f *far) startNamed(t *testing.T) *process {
	t.Helper()
	user := accountOf(t, "redis")
	p := f.namespace.start(t, user.command(need(t, "redis-server"), "--port", portOf(t, serverAddress), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", user.dir(t)))
	p.waitUp(t, "redis", func() bool {
		conn, err := f.connect(serverAddress)
		if err != nil {
			return false
		}
		defer conn.Close()
		answer, err := ask(conn, "SET name "+f.name)
		return err == nil && answer == "+OK"
	})
	return p
}

// ask sends one command to Redis and returns the answer.
func ask(conn net.Conn, command string) (string, error) {
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		return "", err
	}
	answer := bufio.NewReader(conn)
	line, err := answer.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "$") && !strings.HasPrefix(line, "$-1") {
		line, err = answer.ReadString('\n')
	}
	return strings.TrimSpace(line), err
}

// load is clients that come all the time, each in a session of its own to ask who is there.
type load struct {
	rig   *rig
	stop  chan struct{}
	lanes sync.WaitGroup
	ports atomic.Uint32 // of clients, so far

	mu       sync.Mutex
	answers  map[string]int       // by the name of who answered
	first    map[string]time.Time // answer of each since the last mark
	failures []failure
}

// failure is a session that did not get its answer.
type failure struct {
	source string // of the client
	err    error
}

// startLoad has clients come, a few at once, ten times a second each at most: a machine that is busy with them finds
// no dead endpoints, it makes them.
func (r *rig) startLoad(t *testing.T) *load {
	t.Helper()
	l := &load{rig: r, stop: make(chan struct{}), answers: make(map[string]int), first: make(map[string]time.Time)}
	for range 3 {
		l.lanes.Go(func() {
			pace := time.NewTicker(100 * time.Millisecond)
			defer pace.Stop()
			for {
				l.visit()
				select {
				case <-pace.C:
				case <-l.stop:
					return
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) visit() {
	// A client that is reset in the moment in which it is accepted sees its connecting fail: only if the port is chosen before
	// can its session be found in the log.
	source := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(3000+l.ports.Add(1)%15000))
	name := ""
	conn, err := l.rig.clients.connectFrom(source, nearAddress)
	if err == nil {
		defer conn.Close()
		name, err = ask(conn, "GET name")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures = append(l.failures, failure{source.String(), err})
		return
	}
	l.answers[name]++
	if l.first[name].IsZero() {
		l.first[name] = time.Now()
	}
}

// mark forgets who has answered when.
func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.first)
}

// waitAnswer waits for the first answer of a host since the last mark, and returns when it came.
func (l *load) waitAnswer(t *testing.T, name string) (at time.Time) {
	t.Helper()
	waitFor(t, "an answer from the "+name, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		at = l.first[name]
		return !at.IsZero()
	})
	return at
}

// waitMore waits until so many more sessions had their answer.
func (l *load) waitMore(t *testing.T, more int) {
	t.Helper()
	count := func() (n int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, answers := range l.answers {
			n += answers
		}
		return n
	}
	enough := count() + more
	waitFor(t, fmt.Sprintf("%d more sessions", more), func() bool { return count() >= enough })
}

// end stops the clients. Again, it does nothing.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.lanes.Wait()
}

// losses takes the sessions that failed until now, and returns how many of them were on endpoints that died, and which
// were not: those are lost.
func (l *load) losses(dead ...*far) (died int, lost []string) {
	l.mu.Lock()
	failures := l.failures
	l.failures = nil
	l.mu.Unlock()
	for _, f := range failures {
		if l.rig.wasAt(f.source, dead) {
			died++
			continue
		}
		lost = append(lost, fmt.Sprintf("%s: %v", f.source, f.err))
	}
	return died, lost
}

// wasAt reports whether the session of a client was established with one of these hosts.
func (r *rig) wasAt(source string, hosts []*far) bool {
	for _, record := range r.egress.sessions() {
		if record.text(keySource) != source || strings.HasPrefix(record.text(keyCloseReason), "upstream_") {
			continue
		}
		for _, host := range hosts {
			if strings.Contains(record.text(keyUpstream), host.endpoint()) {
				return true
			}
		}
	}
	return false
}

// wantNoLoss expects that only sessions of dead endpoints have failed.
func (l *load) wantNoLoss(t *testing.T, dead ...*far) (died int) {
	t.Helper()
	died, lost := l.losses(dead...)
	for i, what := range lost {
		if i < 5 {
			t.Errorf("lost: %s", what)
		}
	}
	if len(lost) > 0 {
		t.Errorf("%d sessions are lost besides those of the dead endpoint", len(lost))
	}
	return died
}

// holder is a session that lasts.
type holder struct {
	conn net.Conn
	name string // who answers
}

// hold begins a session that lasts, with the host that it is to be with.
func (r *rig) hold(t *testing.T, want string) holder {
	t.Helper()
	h := r.holdAny(t)
	if h.name != want {
		t.Errorf("a session that is to last is with %q, want the %s", h.name, want)
	}
	return h
}

// holdAny is hold with whatever host.
func (r *rig) holdAny(t *testing.T) holder {
	t.Helper()
	h, err := r.begin()
	if err != nil {
		t.Fatalf("a session that is to last: %v", err)
	}
	t.Cleanup(func() { h.conn.Close() })
	return h
}

// begin is holdAny for when it may fail. The connection is the caller's to close.
func (r *rig) begin() (h holder, err error) {
	conn, err := r.clients.connect(nearAddress)
	if err != nil {
		return h, err
	}
	conn.SetDeadline(time.Now().Add(6 * patience))
	name, err := ask(conn, "GET name")
	if err != nil {
		conn.Close()
	}
	return holder{conn, name}, err
}

// wantAlive expects that the session goes on with the host that it began with.
func (h holder) wantAlive(t *testing.T) {
	t.Helper()
	if name, err := ask(h.conn, "GET name"); err != nil || name != h.name {
		t.Errorf("lost: a session that lasted, with the %s: %q, %v", h.name, name, err)
	}
}

// waitClosed waits until the session has been ended from the other side, and returns when it was.
func (h holder) waitClosed(t *testing.T) time.Time {
	t.Helper()
	h.conn.SetReadDeadline(time.Now().Add(patience))
	if n, err := h.conn.Read(make([]byte, 1)); n > 0 || isTimeout(err) {
		t.Errorf("a session of the dead endpoint was left hanging: %d bytes, %v", n, err)
	}
	return time.Now()
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
