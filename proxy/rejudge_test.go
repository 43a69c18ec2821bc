package proxy

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// swayed is a policy that allows until it is told otherwise.
type swayed struct {
	decide
	denies *atomic.Bool
}

func newSwayed() swayed {
	denies := new(atomic.Bool)
	return swayed{denies: denies, decide: func(*policy.Facts) policy.Decision {
		if denies.Load() {
			return policy.Decision{Reason: policy.Expired, Nearest: "old rule", Failed: policy.Period}
		}
		return policy.Decision{Verdict: policy.Allow, Reason: policy.Allowed, Rule: "old rule"}
	}}
}

// closing returns a generation under which a policy counts for established sessions.
func (r *rig) closing(number uint64, spread time.Duration) *Generation {
	g := r.generation(number)
	g.CloseDenied, g.CloseSpread = true, spread
	return g
}

// echoWhole is echo without an end of one direction, which memory has none of.
func echoWhole(conn net.Conn) {
	io.Copy(conn, conn)
	conn.Close()
}

// established begins n sessions in memory and returns once their relays run.
func established(r *rig, n int) {
	r.limits.HalfCloseTimeout = time.Second // their ends cannot be half closed
	for range n {
		conn := r.dialMemory()
		go func() {
			conn.Write([]byte("x"))
			io.Copy(io.Discard, conn)
		}()
	}
	synctest.Wait()
}

// TestChangedPolicyClosesSessions: evenly spread, each with the rule in its record.
func TestChangedPolicyClosesSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		policies := newSwayed()
		r.gate.Policy = policies
		const sessions = 10
		established(r, sessions)
		policies.denies.Store(true)
		began := time.Now()
		r.server.Swap(r.closing(8, 10*time.Second))
		if record := r.record(); record["sessions"] != float64(sessions) || record["msg"] == SessionMessage {
			t.Errorf("the change is logged as %v", record)
		}
		for i := range sessions {
			synctest.Wait()
			if i > 0 {
				r.wantNoRecord()
				time.Sleep(time.Second)
				synctest.Wait()
			}
			r.wantRecord(KeyCloseReason, policy.PolicyChange, KeyClosedBy, Proxy, KeyVerdict, "allow", KeyRule, "old rule",
				KeyDenialReason, policy.Expired, KeyDenialRule, "old rule", KeyGeneration, 7)
		}
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("closing took %s", took)
		}
		if n := r.server.Rejudge(); n != 0 {
			t.Errorf("%d sessions are left to close", n)
		}
	})
}

// TestKeptSessions: without CloseDenied a policy is for newcomers.
func TestKeptSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		policies := newSwayed()
		r.gate.Policy = policies
		established(r, 3)
		policies.denies.Store(true)
		r.server.Swap(r.generation(8))
		time.Sleep(time.Hour)
		synctest.Wait()
		r.wantNoRecord()
		r.dialMemory()
		synctest.Wait()
		r.wantRecord(KeyVerdict, "deny", KeyReason, policy.Expired, KeyNearest, "old rule", KeyFailed, "period", KeyGeneration, 8)
	})
}

// TestAllowedAgainInTime: who is allowed again before its time comes stays, and can be denied anew.
func TestAllowedAgainInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		policies := newSwayed()
		r.gate.Policy = policies
		established(r, 2)
		policies.denies.Store(true)
		r.server.Swap(r.closing(8, 10*time.Second)) // one at once, the other in five seconds
		r.record()
		synctest.Wait()
		r.wantRecord(KeyCloseReason, policy.PolicyChange)
		if n := r.server.Rejudge(); n != 0 {
			t.Errorf("judged twice, %d sessions are to be closed twice", n)
		}
		policies.denies.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		r.wantNoRecord()
		policies.denies.Store(true)
		if n := r.server.Rejudge(); n != 1 {
			t.Errorf("%d sessions are denied, want 1", n)
		}
		r.record()
		synctest.Wait()
		r.wantRecord(KeyCloseReason, policy.PolicyChange)
	})
}

// TestChangeWhileASessionBegins: a session that the old policy let in is judged by the new one once it is there.
func TestChangeWhileASessionBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		policies := newSwayed()
		r.gate.Policy = policies
		dialling, dial := make(chan struct{}), r.port.Upstream
		proceed := make(chan struct{})
		r.port.Upstream = func(name string) *Target {
			close(dialling)
			<-proceed
			return dial(name)
		}
		conn := r.dialMemory()
		<-dialling
		policies.denies.Store(true)
		r.server.Swap(r.closing(8, time.Hour))
		close(proceed)
		synctest.Wait()
		r.wantRecord(KeyCloseReason, policy.PolicyChange, KeyDenialReason, policy.Expired)
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the client can still read")
		}
	})
}

// TestSpreadIsShortened: what is to be closed some time is closed at once when that is asked for.
func TestSpreadIsShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		policies := newSwayed()
		r.gate.Policy = policies
		established(r, 3)
		policies.denies.Store(true)
		r.server.Swap(r.closing(8, time.Hour))
		r.record()
		synctest.Wait()
		r.wantRecord(KeyCloseReason, policy.PolicyChange)
		r.wantNoRecord()
		r.server.Swap(r.closing(9, 0))
		synctest.Wait()
		for range 2 {
			r.wantRecord(KeyCloseReason, policy.PolicyChange)
		}
	})
}

// TestChangeWhileBeingJudged: a session that is found allowed while the policy changes is judged again.
func TestChangeWhileBeingJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		var change func()
		r.gate.Policy = decide(func(f *policy.Facts) policy.Decision {
			if change != nil {
				now := change
				change = nil
				now()
				return policy.Decision{Verdict: policy.Allow, Reason: policy.Allowed}
			}
			return everybody(f)
		})
		established(r, 1)
		denying := r.closing(9, 0)
		denying.Gate = &policy.Gate{}
		denying.CloseSpread = time.Hour
		change = func() { r.server.Swap(denying) } // while the generation before is asked
		r.server.Swap(r.closing(8, 0))
		time.Sleep(time.Hour)
		synctest.Wait()
		r.record()
		r.wantRecord(KeyCloseReason, policy.PolicyChange, KeyDenialReason, policy.NoPolicy)
	})
}

// TestExpiryWhileDialling: nothing but the time has changed, and the session is not there yet.
func TestExpiryWhileDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, echoWhole)
		policies := newSwayed()
		r.gate.Policy = policies
		r.server.Swap(r.closing(7, time.Hour))
		dialling, proceed, dial := make(chan struct{}), make(chan struct{}), r.port.Upstream
		r.port.Upstream = func(name string) *Target {
			close(dialling)
			<-proceed
			return dial(name)
		}
		r.dialMemory()
		<-dialling
		policies.denies.Store(true)
		r.server.Rejudge()
		close(proceed)
		synctest.Wait()
		r.wantRecord(KeyCloseReason, policy.PolicyChange, KeyDenialReason, policy.Expired)
	})
}

// TestJudgedByThePolicyInForce: who came under an older policy is not let in by it.
func TestJudgedByThePolicyInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newMemoryRig(t, unreachable(t))
		policies := newSwayed()
		r.gate.Policy = policies
		r.port.Mode = AutoDetect
		detecting, proceed := make(chan struct{}), make(chan struct{})
		r.port.Front = testFront{detect: func(conn net.Conn) (net.Conn, bool, error) {
			close(detecting)
			<-proceed
			return conn, false, nil
		}}
		r.dialMemory()
		<-detecting
		next := r.generation(8)
		next.Gate = &policy.Gate{}
		r.server.Swap(next)
		close(proceed)
		synctest.Wait()
		r.wantRecord(KeyVerdict, "deny", KeyReason, policy.NoPolicy, KeyGeneration, 7)
	})
}

// TestExpiry: at the end of the last day of a real rule its sessions are closed, or kept, and newcomers are denied.
func TestExpiry(t *testing.T) {
	for name, closes := range map[string]bool{"close": true, "keep": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				today := time.Now().UTC().Truncate(24 * time.Hour)
				rule := func(id string, expires time.Time) policy.Rule {
					return policy.Rule{ID: id, From: []string{"any"}, To: []string{"app/port"}, TLS: policy.TLSAny, Owner: "test", Expires: expires}
				}
				set, faults := policy.Compile(&policy.Source{
					Ports: []policy.Port{{Application: "app", ID: "port"}}, Rules: []policy.Rule{rule("project", today)},
				}, time.Now())
				if set == nil {
					t.Fatal(faults)
				}
				r := newMemoryRig(t, echoWhole)
				r.gate.Policy = set
				r.limits.HalfCloseTimeout = time.Second // as established has it
				g := r.closing(7, 0)
				g.CloseDenied = closes
				r.server.Swap(g)
				established(r, 2)
				time.Sleep(24*time.Hour - time.Second)
				if n := r.server.Rejudge(); n != 0 {
					t.Errorf("%d sessions are denied a second before the end of the day", n)
				}
				at, _ := set.NextExpiry(time.Now())
				time.Sleep(time.Until(at))
				want := map[bool]int{true: 2}[closes]
				if n := r.server.Rejudge(); n != want {
					t.Errorf("%d sessions are denied, want %d", n, want)
				}
				synctest.Wait()
				if closes {
					r.record() // tells how many
				}
				for range want {
					r.wantRecord(KeyCloseReason, policy.PolicyChange, KeyRule, "project", KeyDenialReason, policy.Expired, KeyDenialRule, "project")
				}
				r.wantNoRecord()
				r.dialMemory()
				synctest.Wait()
				r.wantRecord(KeyVerdict, "deny", KeyReason, policy.Expired, KeyNearest, "project", KeyFailed, "period")
			})
		})
	}
}

// TestRejudgeWhileServing looks for races between sessions that come and go, changes of policy and the clock.
func TestRejudgeWhileServing(t *testing.T) {
	r := newRig(t, echo)
	policies := newSwayed()
	r.gate.Policy = policies
	r.start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			policies.denies.Store(i%2 == 0)
			r.server.Swap(r.closing(uint64(i), time.Duration(i%3)*time.Millisecond))
		}
		policies.denies.Store(false)
	}()
	for running := true; running; {
		if conn, err := net.Dial("tcp", r.address.String()); err == nil {
			conn.Write([]byte("x"))
			conn.SetDeadline(time.Now().Add(patient))
			conn.Read(make([]byte, 1))
			conn.Close()
		}
		select {
		case <-done:
			running = false
		default:
		}
		for len(r.log) > 0 {
			if record := <-r.log; record[KeyReason] == string(policy.InternalError) {
				t.Errorf("%v", record)
			}
		}
	}
	eventually(t, "every session has ended", func() bool { return r.server.Sessions() == 0 })
}
