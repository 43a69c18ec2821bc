package proxy

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"sallyport/policy"
)

// keyed is a listening socket whose key is told.
type keyed struct {
	net.Listener
	key string
}

func (k keyed) Key() string { return k.key }

// streets is a server of several sockets, all of which a test names itself.
type streets struct {
	*rig
	addresses map[string]net.Addr
	serving   sync.WaitGroup
}

// newStreets opens a socket for each key.
func newStreets(t *testing.T, keys ...string) *streets {
	r := newRig(t, echo)
	s := &streets{rig: r, addresses: map[string]net.Addr{}}
	r.server = NewServer(slog.New(slog.NewJSONHandler(r.log, nil)), r.pipes)
	r.server.Swap(&Generation{})
	for _, key := range keys {
		s.open(key)
	}
	t.Cleanup(func() {
		for _, l := range r.servers {
			l.Close()
		}
		s.serving.Wait()
		s.server.Drain(t.Context())
		r.answers.Wait()
	})
	return s
}

func (s *streets) open(key string) net.Listener {
	l := listen(s, "tcp")
	s.servers = append(s.servers, l)
	s.addresses[key] = l.Addr()
	before := s.served()
	s.serving.Go(func() { s.server.Serve(keyed{l, key}) })
	eventually(s, "the socket is served", func() bool { return s.served() > before })
	return l
}

// served returns how many sockets are served.
func (s *streets) served() int {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return len(s.server.serving)
}

// put makes a generation of plaintext ports, given as key and id in turn, the one in force.
func (s *streets) put(number uint64, pairs ...string) *Generation {
	g := s.generation(number)
	g.Ports = map[string]*Port{}
	for i := 0; i < len(pairs); i += 2 {
		port := *s.port
		port.ID = pairs[i+1]
		g.Ports[pairs[i]] = &port
	}
	s.server.Swap(g)
	return g
}

// visit sends a line to a socket, and returns the record of the session.
func (s *streets) visit(key string) map[string]any {
	s.Helper()
	conn, err := net.Dial("tcp", s.addresses[key].String())
	if err == nil { // else it was reset already
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patient))
		conn.Write([]byte("x"))
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
	}
	return s.record()
}

// wantServed visits a socket and wants it to be a port of a generation.
func (s *streets) wantServed(key, id string, generation int) {
	s.Helper()
	if r := s.visit(key); r[KeyPort] != id || r[KeyGeneration] != float64(generation) || r[KeyVerdict] != "allow" || r[KeyBytesOut] != float64(1) {
		s.Errorf("socket %s is not port %s of generation %d: %v", key, id, generation, r)
	}
}

// wantRemoved visits a socket and wants it to be refused because its port is gone.
func (s *streets) wantRemoved(key, id string, generation int) {
	s.Helper()
	r := s.visit(key)
	if r[KeyPort] != id || r[KeyApplication] != "app" || r[KeyGeneration] != float64(generation) ||
		r[KeyVerdict] != "deny" || r[KeyReason] != string(policy.PortRemoved) || r[KeyCloseReason] != string(policy.PortRemoved) || r[KeyClosedBy] != string(Proxy) {
		s.Errorf("socket %s is not port %s, removed by generation %d: %v", key, id, generation, r)
	}
}

// TestMovedPort: what a socket yields after its port has another one is a session of that port.
func TestMovedPort(t *testing.T) {
	s := newStreets(t, "old", "new", "other")
	s.put(1, "old", "a", "other", "b")
	s.wantServed("old", "a", 1)
	s.put(2, "new", "a", "other", "b")
	s.wantServed("new", "a", 2)
	s.wantServed("old", "a", 2)
	s.wantServed("other", "b", 2)
	s.put(3, "new", "a") // the one of before is remembered
	s.wantServed("old", "a", 3)
	s.wantRemoved("other", "b", 3)
	s.put(4, "new", "c")
	s.wantRemoved("old", "a", 4)
	s.wantServed("new", "c", 4)
	s.put(5, "old", "c", "new", "a") // swapped
	s.wantServed("old", "c", 5)
	s.wantServed("new", "a", 5)
	s.put(6, "third", "c", "other", "b")
	s.wantServed("old", "c", 6)
	s.wantRemoved("new", "a", 6)
	s.wantServed("other", "b", 6)
	s.wantNoRecord()
}

// TestMovedPortHasItsNewMode, with its certificates.
func TestMovedPortHasItsNewMode(t *testing.T) {
	s := newStreets(t, "old", "new")
	s.put(1, "old", "a")
	s.secure(0)
	s.put(2, "new", "a")
	s.address = s.addresses["old"]
	conn := tls.Client(s.dial(), s.clientConfig())
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	conn.CloseWrite()
	io.Copy(io.Discard, conn)
	s.wantRecord(KeyMode, "tls", KeyGeneration, 2, KeyPort, "a", KeyVerdict, "allow")
}

// TestModeChangeKeepsSocket: the next connection on the same socket has the new mode.
func TestModeChangeKeepsSocket(t *testing.T) {
	s := newStreets(t, "key")
	s.put(1, "key", "a")
	s.wantServed("key", "a", 1)
	s.secure(0)
	s.put(2, "key", "a")
	if r := s.visit("key"); r[KeyMode] != "tls" || r[KeyGeneration] != float64(2) {
		t.Errorf("plaintext on a port that is secure now: %v", r)
	}
}

// TestMovedForgotten: what a generation remembers of sockets that went does not grow.
func TestMovedForgotten(t *testing.T) {
	s := newStreets(t, "stays")
	s.put(1, "stays", "a")
	for i := range uint64(50) {
		key := "goes" + strconv.FormatUint(i, 10)
		l := s.open(key)
		s.put(2*i+2, key, "a")
		l.Close()
		eventually(t, "the socket is not served any more", func() bool { return s.served() == 1 })
		if g := s.put(2*i+3, "elsewhere", "a"); len(g.moved) > 2 { // the one that stays and the last
			t.Fatalf("generation %d remembers %v", g.Number, g.moved)
		}
	}
	s.wantServed("stays", "a", 101)
}

// TestUnknownSocket: even one that no generation ever knew leaves a record.
func TestUnknownSocket(t *testing.T) {
	s := newStreets(t, "unknown")
	if r := s.visit("unknown"); r[KeyReason] != string(policy.PortRemoved) {
		t.Errorf("record %v", r)
	}
}
