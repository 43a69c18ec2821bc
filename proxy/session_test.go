package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// TestDeniedEarly: nothing is read of the client, no handshake is made and nobody is dialled.
func TestDeniedEarly(t *testing.T) {
	for _, mode := range []Mode{Plaintext, Secure, AutoDetect} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, unreachable(t)).secure(0)
			r.port.Mode = mode
			r.port.Front = testFront{detect: func(conn net.Conn) (net.Conn, bool, error) {
				t.Error("a denied client was looked at")
				return conn, false, nil
			}}
			r.gate.Policy = decide(func(f *policy.Facts) policy.Decision {
				if f.Judged != policy.Early || f.Application != "app" || f.Port != "port" || !f.Source.IsValid() || f.Source != f.Peer {
					t.Errorf("judged on %+v", f)
				}
				return policy.Decision{Rule: "no strangers", Reason: "denied"}
			})
			r.start()
			r.wantTurnedAway(hello(t, r.clientConfig()))
			record := r.wantRecord(KeyVerdict, "deny", KeyReason, "denied", KeyRule, "no strangers", KeyCloseReason, "denied", KeyClosedBy, Proxy)
			for _, key := range []string{KeyMode, KeyHandshake, KeyDetect, KeyDial, KeyUpstream} {
				if got, ok := record[key]; ok {
					t.Errorf("the record has %s=%v, of a step that is never taken", key, got)
				}
			}
		})
	}
}

// wantTurnedAway connects, sends something, and expects a reset and nothing else. That can come so soon that already
// the connect hears of it.
func (r *rig) wantTurnedAway(send []byte) {
	r.Helper()
	conn, err := net.Dial("tcp", r.address.String())
	if err == nil {
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patient))
		_, err = conn.Write(send)
		b, readErr := io.ReadAll(conn)
		if len(b) > 0 {
			r.Errorf("the server said %q", b)
		}
		err = errors.Join(err, readErr) // the system tells whoever asks first
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		r.Errorf("the connection ends with %v, want a reset", err)
	}
}

// deniedFinally allows early and denies finally.
var deniedFinally = decide(func(f *policy.Facts) policy.Decision {
	if f.Judged == policy.Early {
		return policy.Decision{Verdict: policy.Allow, Rule: "early"}
	}
	return policy.Decision{Rule: "final", Reason: "denied"}
})

// TestDeniedFinally: the client shook hands, and still nobody is dialled; a banner of the server does not leak.
func TestDeniedFinally(t *testing.T) {
	banner := func(t *testing.T) func(net.Conn) {
		return func(conn net.Conn) {
			t.Error("the upstream was dialled")
			conn.Write([]byte("220 secret banner\r\n"))
		}
	}
	t.Run("plaintext", func(t *testing.T) {
		r := newRig(t, banner(t))
		r.gate.Policy = deniedFinally
		r.start()
		r.wantTurnedAway(nil)
		r.wantRecord(KeyVerdict, "deny", KeyReason, "denied", KeyRule, "final")
	})
	t.Run("TLS", func(t *testing.T) {
		eachVersion(t, func(t *testing.T, version uint16) {
			r := newRig(t, banner(t)).secure(version)
			r.gate.Policy = deniedFinally
			r.start()
			conn := tls.Client(r.dial(), r.clientConfig())
			if err := conn.Handshake(); err == nil {
				if b, err := io.ReadAll(conn); len(b) > 0 || !isReset(err) {
					t.Errorf("a denied client reads %q and %v, want a reset", b, err)
				}
			} else if !isReset(err) {
				t.Errorf("the handshake ends with %v", err)
			}
			r.wantRecord(KeyVerdict, "deny", KeyReason, "denied", KeyRule, "final", KeyTLSVersion, tls.VersionName(version))
		})
	})
}

// TestResumedSessionIsJudged: what was allowed once is judged again, on the same certificate, when its TLS
// session is resumed.
func TestResumedSessionIsJudged(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		dialled := new(counter)
		r := newRig(t, func(conn net.Conn) {
			dialled.Add(1)
			echo(conn)
		}).secure(version)
		mutual(r)
		leaf := r.ca.Client(t, "client")
		judge := &judge{decide: everybody}
		r.gate.Policy = judge
		r.start()
		config := r.ca.ClientConfig("localhost", leaf)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(10)
		for _, resumed := range []bool{false, true} {
			conn := r.dialTLS(config)
			sendAll(t, conn, []byte("hi"))
			wantAll(t, conn, []byte("hi"))
			r.wantRecord(KeyVerdict, "allow", KeyResumed, resumed, KeyPeerSubject, "CN=client")
		}
		judge.deny()
		if err := r.tryTLS(config); !isReset(err) {
			t.Errorf("the denied session ends with %v, want a reset", err)
		}
		r.wantRecord(KeyVerdict, "deny", KeyResumed, true, KeyReason, "denied", KeyPeerSubject, "CN=client")
		if n := dialled.Load(); n != 2 {
			t.Errorf("the upstream was dialled %d times, want 2", n)
		}
		for _, f := range judge.final {
			if !slices.Equal(f.Identities.Names(), policy.IdentitiesOf(leaf.Certificate).Names()) || f.ServerName != "localhost" || !f.TLS {
				t.Errorf("finally judged on %+v", f)
			}
		}
	})
}

// judge is a policy that may change its mind, and remembers what it was asked finally.
type judge struct {
	decide
	mu     sync.Mutex
	denies bool
	final  []policy.Facts
}

func (j *judge) deny() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.denies = true
}

func (j *judge) Decide(f *policy.Facts) policy.Decision {
	j.mu.Lock()
	defer j.mu.Unlock()
	if f.Judged == policy.Final {
		j.final = append(j.final, *f)
		if j.denies {
			return policy.Decision{Reason: "denied"}
		}
	}
	return j.decide(f)
}

// TestUnverifiedCertificateIsNone: a certificate that nobody verified proves nothing.
func TestUnverifiedCertificateIsNone(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		r := newRig(t, echo).secure(version)
		r.port.TLS.ClientAuth = tls.RequestClientCert
		judge := &judge{decide: everybody}
		r.gate.Policy = judge
		r.start()
		if err := r.tryTLS(r.ca.ClientConfig("localhost", r.ca.Client(t, "client"))); err != nil {
			t.Error(err)
		}
		if record := r.record(); record[KeyPeerSubject] != nil {
			t.Errorf("the record names %v", record[KeyPeerSubject])
		}
		if !judge.final[0].Identities.IsZero() {
			t.Error("an unverified certificate was judged")
		}
	})
}

// TestAuditDenyPasses, and the record says so.
func TestAuditDenyPasses(t *testing.T) {
	r := newRig(t, echo)
	r.gate.Policy = decide(func(*policy.Facts) policy.Decision {
		return policy.Decision{Verdict: policy.AuditDeny, Rule: "r", Reason: "would"}
	})
	r.start()
	conn := r.dial()
	sendAll(t, conn, []byte("hi"))
	wantAll(t, conn, []byte("hi"))
	r.wantRecord(KeyVerdict, "audit-deny", KeyRule, "r", KeyReason, "would", KeyCloseReason, policy.EndOfStream)
}

func TestServerNameChoosesUpstream(t *testing.T) {
	r := newRig(t, func(conn net.Conn) { conn.Write([]byte("default")) }).secure(0)
	fallback, first := r.target, r.endpoint
	other := *r.target
	other.Group = newGroup()
	r.target, r.endpoint = &other, new(upstream.Endpoint)
	r.serveOn("unix", nil, func(conn net.Conn) { conn.Write([]byte("other")) })
	r.configure(fallback, first)
	r.port.TLS = r.ca.ServerConfig(t, "localhost", "other.example")
	r.port.Upstream = func(name string) *Target {
		if name == "other.example" {
			return &other
		}
		return fallback
	}
	r.start()
	for name, want := range map[string]string{"localhost": "default", "other.example": "other"} {
		conn := r.dialTLS(r.ca.ClientConfig(name, nil))
		wantAll(t, conn, []byte(want))
		conn.Close()
		at := first.String()
		if want == "other" {
			at = r.endpoint.String()
		}
		r.wantRecord(KeySNI, name, KeyUpstream, at)
	}
}

func TestConnectionLimit(t *testing.T) {
	r := newRig(t, echo)
	r.limits.MaxConnections = 3
	r.start()
	var held []net.Conn
	for range r.limits.MaxConnections {
		conn := r.dial()
		conn.Write([]byte("x"))
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	r.wantTurnedAway(nil)
	r.wantRecord(KeyReason, policy.ConnectionLimit, KeyVerdict, "deny", KeyClosedBy, Proxy)
	held[0].Close()
	r.wantRecord(KeyVerdict, "allow")
	eventually(t, "a place is free", func() bool { return r.server.Sessions() == 2 })
	sendAll(t, held[1], nil)
	conn := r.dial()
	sendAll(t, conn, []byte("again"))
	wantAll(t, conn, []byte("again"))
}

// TestFrontRefuses: its reason is the session's.
func TestFrontRefuses(t *testing.T) {
	cause := errors.New("cause of it")
	plain := func(net.Conn) (net.Conn, policy.Origin, error) { return nil, policy.Origin{}, cause }
	fronts := map[string]struct {
		front  testFront
		reason policy.Reason
		side   Side
	}{
		"origin": {testFront{origin: func(net.Conn) (net.Conn, policy.Origin, error) {
			return nil, policy.Origin{}, policy.Refuse(policy.HeaderInvalid, cause)
		}}, policy.HeaderInvalid, Proxy},
		"detection": {testFront{detect: func(net.Conn) (net.Conn, bool, error) {
			return nil, false, policy.Refuse(policy.DetectClosed, cause)
		}}, policy.DetectClosed, Client},
		"an error without a reason": {testFront{origin: plain}, policy.InternalError, Proxy},
	}
	for name, tt := range fronts {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, unreachable(t))
			r.port.Mode, r.port.Front = AutoDetect, tt.front
			r.start()
			r.wantTurnedAway(nil)
			r.wantRecord(KeyReason, tt.reason, KeyClosedBy, tt.side, KeyError, "cause of it", KeyVerdict, "deny")
			r.wantNoRecord()
		})
	}
}

// TestPanics: a defect that one connection meets is caught, logged with its stack, and releases everything.
func TestPanics(t *testing.T) {
	panics := map[string]func(r *rig){
		"origin": func(r *rig) {
			r.port.Front = testFront{origin: func(net.Conn) (net.Conn, policy.Origin, error) { panic("defect") }}
		},
		"detect": func(r *rig) {
			r.port.Front = testFront{detect: func(net.Conn) (net.Conn, bool, error) { panic("defect") }}
		},
		"decision": func(r *rig) { r.gate.Policy = decide(func(*policy.Facts) policy.Decision { panic("defect") }) },
		"upstream": func(r *rig) { r.port.Upstream = func(string) *Target { panic("defect") } },
	}
	for name, sabotage := range panics {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, unreachable(t))
			r.port.Mode = AutoDetect
			r.port.Front = testFront{detect: func(conn net.Conn) (net.Conn, bool, error) { return conn, false, nil }}
			sabotage(r)
			r.start()
			r.wantTurnedAway(nil)
			alarm := r.record()
			if stack, _ := alarm["stack"].(string); alarm["level"] != "ERROR" || !strings.Contains(stack, "TestPanics") {
				t.Errorf("the panic is logged as %v", alarm)
			}
			r.wantRecord(KeyVerdict, "deny", KeyReason, policy.InternalError, KeyCloseReason, policy.InternalError, KeyClosedBy, Proxy, KeyID, alarm[KeyID])
			eventually(t, "the session is forgotten", func() bool { return r.server.Sessions() == 0 })
			r.wantNoRecord()
		})
	}
}
