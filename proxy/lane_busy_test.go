package proxy

import (
	"crypto/tls"
	"testing"
	"time"

	"sallyport/policy"
)

// TestStormLocksNobodyOut: a handshake whose turn does not come is not its client's failure.
func TestStormLocksNobodyOut(t *testing.T) {
	r := newRig(t, echo).secure(0)
	r.limits.HandshakeTimeout = 50 * time.Millisecond
	r.gate.Lockouts = policy.NewLockouts(time.Now(), 0, policy.LockoutRules{Failures: 1, Window: time.Hour, Duration: time.Hour})
	r.start()
	for range cap(r.limits.Lane.places) {
		if err := r.limits.Lane.enter(noDeadline); err != nil {
			t.Fatal(err)
		}
	}
	conn := tls.Client(r.dial(), r.clientConfig())
	if err := conn.Handshake(); err == nil {
		t.Error("the handshake was computed without a place")
	}
	record := r.wantRecord(KeyReason, policy.HandshakeBusy, KeyVerdict, "deny", KeyClosedBy, Proxy)
	if record[KeyLocked] != nil {
		t.Errorf("the client is locked out: %v", record)
	}
	for range cap(r.limits.Lane.places) {
		r.limits.Lane.leave()
	}
}
