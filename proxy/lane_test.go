package proxy

import (
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// hello returns the ClientHello that crypto/tls sends.
func hello(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go tls.Client(far, config).Handshake()
	b := make([]byte, 64<<10)
	n, err := near.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// TestLaneIsNotHeldBySlowClients: whoever makes the server wait does not make others wait, even with one place.
func TestLaneIsNotHeldBySlowClients(t *testing.T) {
	slow := []struct {
		name string
		send func(hello []byte) []byte
	}{
		{"silent", func([]byte) []byte { return nil }},
		{"begins a hello", func(hello []byte) []byte { return hello[:100] }},
		{"reads nothing", func(hello []byte) []byte { return hello }},
		{"begins a second flight", func(hello []byte) []byte { return append(hello, 20, 3, 3, 0, 1) }},
	}
	for _, tt := range slow {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newMemoryRig(t, answerOnce)
				r.secure(0)
				r.limits.HandshakeTimeout = 10 * time.Second
				const others = 10
				for range others {
					conn := r.dialMemory()
					if b := tt.send(hello(t, r.clientConfig())); len(b) > 0 {
						go conn.Write(b)
					}
				}
				synctest.Wait()
				begun := time.Now()
				good := r.overTLS(r.dialMemory(), nil)
				if waited := time.Since(begun); waited != 0 {
					t.Errorf("a good client was kept waiting for %v", waited)
				}
				good.Write([]byte("hi"))
				wantAll(t, good, []byte("hi"))
				good.NetConn().Close()
				r.wantRecord(KeyVerdict, "allow")
				for range others {
					record := r.wantRecord(KeyReason, policy.HandshakeTimeout, KeyCloseReason, policy.HandshakeTimeout, KeyVerdict, "deny")
					if record[KeyHandshake] != 10000.0 {
						t.Errorf("the handshake ended after %v ms, want 10000", record[KeyHandshake])
					}
				}
				if n := len(r.limits.Lane.places); n != 0 {
					t.Errorf("%d places are not given back", n)
				}
			})
		})
	}
}

// TestHandshakeDeadlineIsOfTheWhole: a byte now and then gains no time.
func TestHandshakeDeadlineIsOfTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, answerOnce)
		r.secure(0)
		r.limits.HandshakeTimeout = 10 * time.Second
		begun, conn := time.Now(), r.dialMemory()
		for _, b := range hello(t, r.clientConfig()) {
			if _, err := conn.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(900 * time.Millisecond)
		}
		r.wantRecord(KeyReason, policy.HandshakeTimeout)
		if took := time.Since(begun); took > 11*time.Second {
			t.Errorf("the client was cut after %v, want 10s", took)
		}
	})
}

// TestLanePlacesComeBack: whatever becomes of a handshake.
func TestLanePlacesComeBack(t *testing.T) {
	r := newRig(t, silence).secure(0)
	r.limits.Lane = NewLane(1, 0)
	r.port.TLS.ClientAuth = tls.RequireAndVerifyClientCert
	mood := make(chan any, 1)
	r.port.TLS.VerifyConnection = func(tls.ConnectionState) error {
		if m := <-mood; m != nil {
			panic(m)
		}
		return nil
	}
	r.start()
	withCert := r.ca.ClientConfig("localhost", r.ca.Client(r, "client"))
	for range 5 {
		r.dial().Close()
		abort(r.dial())
		garbage := r.dial()
		garbage.Write([]byte("garbage, more than five bytes"))
		garbage.Close()
		r.tryTLS(r.clientConfig()) // no certificate
		r.tryTLS(r.ca.ClientConfig("other", nil))
		mood <- "panics"
		r.tryTLS(withCert)
		mood <- nil
		r.tryTLS(withCert)
	}
	for range 5 * 7 {
		r.record()
	}
	if n := len(r.limits.Lane.places); n != 0 {
		t.Errorf("%d places are not given back", n)
	}
}

func TestLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := NewLane(0, 0) // at least one place
		if err := lane.enter(noDeadline); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := lane.enter(begun.Add(time.Second)); err != errBusy {
			t.Errorf("enter = %v, want errBusy", err)
		}
		if waited := time.Since(begun); waited != time.Second {
			t.Errorf("waited %v, want 1s", waited)
		}
		time.AfterFunc(time.Minute, lane.leave)
		if err := lane.enter(noDeadline); err != nil {
			t.Error(err)
		}
		time.AfterFunc(time.Second, lane.leave)
		if err := lane.enter(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
	})
}
