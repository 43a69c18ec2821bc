package proxy

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sallyport/policy"
)

// fromBalancer is a way in whose connections all seem to come from one client's source port.
var fromBalancer = testFront{origin: func(conn net.Conn) (net.Conn, policy.Origin, error) {
	return conn, policy.Origin{
		Source: netip.MustParseAddrPort("192.0.2.1:20001"), Destination: netip.MustParseAddrPort("192.0.2.9:443"),
		Peer: addrPort(conn.RemoteAddr()), Header: true,
	}, nil
}}

// oneAtATime is a policy by which a client may have one connection.
func oneAtATime(r *rig) {
	r.gate.Limiter = policy.NewLimiter(0)
	r.gate.Policy = decide(func(*policy.Facts) policy.Decision {
		return policy.Decision{
			Verdict: policy.Allow, Reason: policy.Allowed, Rule: "one",
			Match: policy.Match{Rule: "one", Client: "c"}, Limits: &policy.Limits{MaxConnections: 1},
		}
	})
}

// TestSecondConnectionFromTheSameTuple: the old session is over at once, and its place is free for the new one.
func TestSecondConnectionFromTheSameTuple(t *testing.T) {
	r := newRig(t, echo)
	oneAtATime(r)
	r.port.Front = fromBalancer
	r.start()
	old := r.dial()
	old.Write([]byte("x"))
	io.ReadFull(old, make([]byte, 1))
	fresh := r.dial()
	fresh.Write([]byte("y"))
	if _, err := io.ReadFull(fresh, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(old); len(b) > 0 || !isReset(err) {
		t.Errorf("the old connection ends with %q, %v, want a reset", b, err)
	}
	r.wantRecord(KeyCloseReason, policy.Superseded, KeyClosedBy, Proxy, KeyVerdict, "allow", KeyBytesIn, 1)
	halfClose(fresh)
	wantAll(t, fresh, nil)
	r.wantRecord(KeyCloseReason, policy.EndOfStream, KeyBytesIn, 1)
	eventually(t, "the tuple is forgotten", func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		return len(r.server.tuples) == 0
	})
}

// TestSupersededBeforeItsRelay: whatever step the old session is in, it ends with that reason.
func TestSupersededBeforeItsRelay(t *testing.T) {
	r := newRig(t, echo).secure(0)
	oneAtATime(r)
	r.port.Front = fromBalancer
	r.start()
	silent := r.dial() // never shakes hands
	eventually(t, "the silent client is known", func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		return len(r.server.tuples) == 1
	})
	conn := r.dialTLS(nil)
	r.wantRecord(KeyReason, policy.Superseded, KeyCloseReason, policy.Superseded, KeyVerdict, "deny", KeyClosedBy, Proxy)
	if _, err := io.ReadAll(silent); err == nil {
		// An orderly end is as good: nothing was promised.
		t.Log("the silent client sees an orderly end")
	}
	sendAll(t, conn, []byte("hi"))
	wantAll(t, conn, []byte("hi"))
	r.wantRecord(KeyVerdict, "allow")
}

// TestSharedTuples: where a balancer gives each request a connection of its own, they live side by side. So do those
// whose source port nobody knows.
func TestSharedTuples(t *testing.T) {
	unknown := testFront{origin: func(conn net.Conn) (net.Conn, policy.Origin, error) {
		conn, origin, err := fromBalancer.Origin(conn)
		origin.Source = netip.AddrPortFrom(origin.Source.Addr(), 0)
		return conn, origin, err
	}}
	for name, prepare := range map[string]func(*Port){
		"port says so":        func(p *Port) { p.Front, p.SharedTuples = fromBalancer, true },
		"unknown source port": func(p *Port) { p.Front = unknown },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, echo)
			prepare(r.port)
			r.start()
			first, second := r.dial(), r.dial()
			for _, conn := range []net.Conn{first, second, first} {
				conn.Write([]byte("x"))
				if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
			r.wantNoRecord()
		})
	}
}

// TestOneOfManySurvives: however many connections claim one tuple at once, the last one lives, and has its place.
func TestOneOfManySurvives(t *testing.T) {
	r := newRig(t, echo)
	oneAtATime(r)
	r.port.Front = fromBalancer
	r.start()
	const claims = 3
	for range 100 {
		var conns []net.Conn
		for range claims {
			conn, err := net.Dial("tcp", r.address.String())
			if isReset(err) {
				continue // by the one that came after it, before this one even knew that it had connected
			}
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(patient))
			conns = append(conns, conn)
		}
		alive := 0
		for _, conn := range conns {
			conn.Write([]byte("x"))
			if _, err := io.ReadFull(conn, make([]byte, 1)); err == nil {
				alive++
			}
		}
		if alive == 0 {
			t.Fatal("nobody is alive")
		}
		for _, conn := range conns {
			conn.Close()
		}
		for range claims {
			if record := r.record(); record[KeyReason] == string(policy.RuleConnections) {
				t.Fatalf("a dead connection holds the place: %v", record)
			}
		}
	}
}

// TestOtherPortOfTheSameClient is no second connection.
func TestOtherPortOfTheSameClient(t *testing.T) {
	r := newRig(t, echo).start()
	first, second := r.dial(), r.dial()
	for _, conn := range []net.Conn{first, second, first} {
		conn.Write([]byte("x"))
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	r.wantNoRecord()
}

// TestPlaceIsFreeBeforeTheClientHears: a client that comes back as soon as it sees the end is let in.
func TestPlaceIsFreeBeforeTheClientHears(t *testing.T) {
	r := newRig(t, func(conn net.Conn) { io.ReadFull(conn, make([]byte, 1)) }) // then resets or closes
	oneAtATime(r)
	r.start()
	for range 50 {
		conn := r.dial()
		halfClose(conn)
		io.ReadAll(conn)
		r.wantRecord(KeyVerdict, "allow", KeyRule, "one")
	}
}
