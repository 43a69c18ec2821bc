package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/policy"
)

// TestLockout: failed handshakes lock a source out, the record says until when, and even who would be
// welcome is refused before a byte is read; until somebody unlocks it.
func TestLockout(t *testing.T) {
	r := newRig(t, echo).secure(0)
	r.gate.Lockouts = policy.NewLockouts(time.Now(), 0, policy.LockoutRules{Failures: 3, Window: time.Hour, Duration: time.Hour})
	r.start()
	for range 2 {
		r.send("no TLS at all")
		if record := r.wantRecord(KeyReason, policy.NotTLS); record[KeyLocked] != nil {
			t.Errorf("locked out too early: %v", record)
		}
	}
	r.send("no TLS at all")
	record := r.wantRecord(KeyReason, policy.NotTLS)
	until, err := time.Parse(time.RFC3339, record[KeyLocked].(string))
	if err != nil || until.Before(time.Now()) {
		t.Errorf("locked until %v", record[KeyLocked])
	}
	r.wantTurnedAway(hello(t, r.clientConfig()))
	record = r.wantRecord(KeyReason, policy.SourceLocked, KeyVerdict, "deny")
	if record[KeyHandshake] != nil {
		t.Errorf("a handshake was paid for: %v", record)
	}
	if len(r.gate.Lockouts.Unlock(time.Now(), netip.MustParsePrefix("127.0.0.1/32"))) != 1 {
		t.Error("there is no lock")
	}
	conn := r.dialTLS(nil)
	sendAll(t, conn, []byte("hi"))
	wantAll(t, conn, []byte("hi"))
	r.wantRecord(KeyVerdict, "allow")
}

// TestHealthChecksLockNobodyOut: a balancer that asks whether we live is not one of its clients.
func TestHealthChecksLockNobodyOut(t *testing.T) {
	r := newRig(t, unreachable(t))
	r.gate.Policy = decide(func(*policy.Facts) policy.Decision { return policy.Decision{Reason: policy.NoRule} })
	r.gate.Lockouts = policy.NewLockouts(time.Now(), 0, policy.LockoutRules{Failures: 1, Window: time.Hour, Duration: time.Hour})
	r.port.Front = testFront{origin: func(conn net.Conn) (net.Conn, policy.Origin, error) {
		peer := addrPort(conn.RemoteAddr())
		return conn, policy.Origin{Source: peer, Destination: addrPort(conn.LocalAddr()), Peer: peer, Header: true, Local: true}, nil
	}}
	r.start()
	r.wantTurnedAway(nil)
	if record := r.wantRecord(KeyReason, policy.NoRule); record[KeyLocked] != nil {
		t.Errorf("the balancer is locked out: %v", record)
	}
}

// TestManyGuessesAtOnce: a connection that was there before the lock does not get past it.
func TestManyGuessesAtOnce(t *testing.T) {
	r := newRig(t, unreachable(t)).secure(0)
	var wrong atomic.Bool
	wrong.Store(true)
	r.gate.Policy = decide(func(f *policy.Facts) policy.Decision {
		if f.Judged == policy.Final && wrong.Load() {
			return policy.Decision{Reason: policy.IdentityMismatch}
		}
		return everybody(f)
	})
	r.gate.Lockouts = policy.NewLockouts(time.Now(), 0, policy.LockoutRules{Failures: 1, Window: time.Hour, Forever: true})
	r.start()
	waiting := r.dial()
	eventually(t, "it is waiting", func() bool { return r.server.Sessions() == 1 })
	r.tryTLS(r.clientConfig())
	r.wantRecord(KeyReason, policy.IdentityMismatch, KeyLocked, "forever")
	wrong.Store(false)
	tls.Client(waiting, r.clientConfig()).Handshake()
	r.wantRecord(KeyReason, policy.SourceLocked, KeyVerdict, "deny")
}

// send connects, sends a text, and waits for the end.
func (r *rig) send(text string) {
	conn := r.dial()
	io.WriteString(conn, text)
	io.Copy(io.Discard, conn)
	conn.Close()
}

// limited is a policy that bounds every source.
type limited struct {
	decide
	bounds policy.Defaults
}

func (l limited) Terms(*policy.Facts) policy.Terms { return policy.Terms{Bounds: &l.bounds} }

// TestLimits: each limit has a reason of its own and comes before what it saves.
func TestLimits(t *testing.T) {
	rate, err := policy.ParseRate("1/h")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		bounds policy.Defaults
		reason policy.Reason
	}{
		{"connections", policy.Defaults{Limits: policy.Limits{MaxConnections: 1}}, policy.SourceConnections},
		{"rate", policy.Defaults{Limits: policy.Limits{Rate: rate}}, policy.SourceRate},
		{"handshakes", policy.Defaults{Handshakes: rate}, policy.SourceHandshakes},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, echo).secure(0)
			r.gate.Limiter = policy.NewLimiter(0)
			r.gate.Policy = limited{everybody, c.bounds}
			r.start()
			conn := r.dialTLS(nil)
			conn.Write([]byte("x"))
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			r.wantTurnedAway(hello(t, r.clientConfig()))
			record := r.wantRecord(KeyReason, c.reason, KeyVerdict, "deny", KeyClosedBy, Proxy)
			if record[KeyHandshake] != nil || record[KeyUpstream] != nil {
				t.Errorf("the refused session cost more than it should: %v", record)
			}
		})
	}
}
