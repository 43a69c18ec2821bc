package upstream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// pair is a primary A and its backup B whose health only sessions tell.
func pair() Settings {
	return Settings{Endpoints: endpoints("A", "B"), Redundant: true, Hold: 30 * time.Second, DialTimeout: 3 * time.Second}
}

// checkedPair is one that is asked.
func checkedPair() Settings {
	s := pair()
	s.Health.Active = true
	return s
}

const (
	downA     = `level=WARN msg="endpoint is unhealthy" endpoint=A role=primary error="upstream_refused: connection refused" failures=3`
	downB     = `level=WARN msg="endpoint is unhealthy" endpoint=B role=backup error="upstream_refused: connection refused" failures=3`
	failoverA = `level=WARN msg=failover from=A to=B reason="the active endpoint is unhealthy"`
)

func TestRedundant(t *testing.T) {
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"a session goes to the primary at once", pair(), func(w *world) {
			w.wants("A", 0)
			w.wantAttempts("A")
			w.wantLog()
		}},
		{"one that fails at the primary goes on at the backup, paced", pair(), func(w *world) {
			w.is("A", refuses)
			w.wants("B", 2*retryPause)
			w.wantAttempts("A", "A", "A", "B")
			w.wantActive("B")
			w.wantLog(downA, failoverA+" cut=0")
			w.wants("B", 0)
		}},
		{"a primary that restarts within the pace keeps its sessions", pair(), func(w *world) {
			w.is("A", refuses)
			c := w.begin("one")
			w.is("A", nil)
			w.pass(retryPause)
			if c.where() != "A" {
				w.t.Errorf("came to %s", c.where())
			}
			w.wantActive("A")
		}},
		{"a silent primary costs the first session the dial timeout and no more", pair(), func(w *world) {
			w.is("A", silent)
			w.wants("B", 3*time.Second+2*retryPause)
			w.wants("B", 0)
		}},
		{"one for whom this host has no time is tried again until the dial timeout is over", pair(), func(w *world) {
			busy := 0
			w.is("A", func(ctx context.Context, within time.Duration) error {
				if busy++; busy > 2 {
					return nil
				}
				<-time.After(within)
				return policy.Refuse(policy.HandshakeBusy, errors.New("too many handshakes at once"))
			})
			w.wants("A", 2*time.Second)
			w.wantLog()
		}},
		{"and refused then, which says nothing of the primary", pair(), func(w *world) {
			w.is("A", func(ctx context.Context, within time.Duration) error {
				<-time.After(within)
				return policy.Refuse(policy.HandshakeBusy, errors.New("too many handshakes at once"))
			})
			w.wants(string(policy.HandshakeBusy), 3*time.Second)
			w.wantHealthy(true, true)
			w.wantLog()
		}},
		{"whoever is being connected to a primary that fails begins again at the backup, at once", pair(), func(w *world) {
			w.is("A", silent)
			late := w.begin("late")
			w.is("A", refuses)
			w.wants("B", 2*retryPause)
			synctest.Wait()
			if late.use == nil || late.where() != "B" || late.took != 2*retryPause {
				w.t.Errorf("the other session: %+v", late)
			}
		}},
		{"a failover cuts the sessions of the endpoint that is left", pair(), func(w *world) {
			w.session("first")
			done := w.session("over")
			done.use.Done(policy.EndOfStream)
			w.is("A", refuses)
			w.wants("B", 2*retryPause)
			w.wantCuts("first failover")
			w.wantLog(downA, failoverA+" cut=1")
		}},
		{"or keeps them", keep(pair()), func(w *world) {
			w.session("first")
			w.is("A", refuses)
			w.wants("B", 2*retryPause)
			w.wantCuts()
		}},
		{"with both unhealthy nothing switches and nobody is held", pair(), func(w *world) {
			w.is("A", refuses)
			w.is("B", refuses)
			c := w.session("one")
			if policy.ReasonOf(c.err, "") != policy.UpstreamRefused {
				w.t.Errorf("error %v", c.err)
			}
			w.wantHealthy(false, false)
			w.wantActive("B")
			w.attempts = nil
			w.wants("upstream_refused", 0) // the primary's pause has passed, so this is its trial
			w.wants("upstream_down", 0)
			w.wantAttempts("A")
		}},
		{"the first that gets well becomes active at once", pair(), func(w *world) {
			w.is("A", refuses)
			w.is("B", refuses)
			w.session("one")
			w.is("A", nil)
			w.pass(time.Second)
			w.is("B", silent)
			w.log.take()
			trial := w.begin("trial") // at B, the active one, which comes first
			w.wants("A", 0)
			w.wants("A", 0)
			w.wantLog(`level=INFO msg="endpoint is healthy" endpoint=A role=primary successes=2`,
				`level=WARN msg=failover from=B to=A reason="the active endpoint is unhealthy" cut=0`)
			synctest.Wait()
			if trial.use == nil || trial.where() != "A" {
				w.t.Errorf("the trial at B: %+v", trial)
			}
		}},
		{"an error of our own ends a session and is no evidence", pair(), func(w *world) {
			w.is("A", func(context.Context, time.Duration) error { return errNoPorts })
			for range 5 {
				w.wants("upstream_source_exhausted", 0)
			}
			w.wantHealthy(true, true)
		}},
		{"a session that always fails among others that do not is told why", pair(), func(w *world) {
			n := 0
			w.is("A", func(context.Context, time.Duration) error {
				if n++; n%2 == 1 {
					return errRefused
				}
				return nil
			})
			others := func() { w.wants("A", 0) }
			for range 2 {
				c := w.begin("unlucky")
				others()
				w.pass(retryPause)
				others()
				w.pass(retryPause)
				others()
				if c.where() != "upstream_refused" {
					w.t.Errorf("came to %s", c.where())
				}
			}
			w.wantHealthy(true, true)
		}},
		{"three dead peers are a failover", pair(), func(w *world) {
			for range 3 {
				use := w.session("one").use
				defer use.Done(policy.PeerDead) // again, which is nothing
				w.session("other")
				w.group.Configure(w.group.settings)
				use.Done(policy.Reset)
			}
			w.wantHealthy(true, true)
			var uses []*Use
			for range 3 {
				uses = append(uses, w.session("dead").use)
			}
			for _, use := range uses[:2] {
				use.Done(policy.PeerDead)
				use.Done(policy.PeerDead)
			}
			w.wantHealthy(true, true)
			uses[2].Done(policy.PeerDead)
			w.wantHealthy(false, true)
			w.wantActive("B")
			w.wantCuts("other failover", "other failover", "other failover")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

func keep(s Settings) Settings {
	s.KeepSessions = true
	return s
}

func manual(s Settings) Settings {
	s.ManualReturn = true
	return s
}

func TestFailback(t *testing.T) {
	// lose makes A fail and everybody go to B.
	lose := func(w *world) {
		w.is("A", refuses)
		w.checked("A", errRefused)
		w.wants("B", 2*retryPause)
		w.log.take()
		w.attempts = nil
	}
	heal := func(w *world) {
		w.is("A", nil)
		w.checked("A", nil)
	}
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"without checks a session tries the primary after the hold, and then every hold, and nobody notices", pair(), func(w *world) {
			lose(w)
			w.pass(29 * time.Second)
			w.wants("B", 0)
			w.wantAttempts("B")
			w.pass(time.Second)
			w.wants("B", 0)
			w.wants("B", 0)
			w.wantAttempts("A", "B", "B")
			w.pass(30 * time.Second)
			w.is("A", silent)
			w.wants("B", time.Second)
			w.wantAttempts("A", "B")
			w.wantLog()
			heal(w)
			w.pass(30 * time.Second)
			w.wants("A", 0)
			w.wantActive("A")
			w.wantCuts() // sessions at the backup stay
			w.wantLog(`level=INFO msg="endpoint is healthy" endpoint=A role=primary successes=1`,
				`level=INFO msg=failback from=B to=A reason="a session got through to the primary" cut=0`)
		}},
		{"nor if there is no port for it", pair(), func(w *world) {
			lose(w)
			w.is("A", func(context.Context, time.Duration) error { return errNoPorts })
			w.pass(30 * time.Second)
			w.wants("B", 0)
			w.wantAttempts("A", "B")
		}},
		{"with checks the primary comes back when it has been healthy for the hold", checkedPair(), func(w *world) {
			lose(w)
			w.pass(time.Minute)
			w.wantHealthy(false, true)
			heal(w)
			w.pass(5 * time.Second)
			w.wantHealthy(true, true)
			w.wantActive("B")
			since := w.group.State().Endpoints[0].Since
			w.pass(time.Until(since.Add(30*time.Second - 1)))
			w.wantActive("B")
			w.log.take()
			w.pass(1)
			w.wantActive("A")
			w.wantLog(`level=INFO msg=failback from=B to=A reason="the primary has been healthy for 30s" cut=0`)
			w.wantCuts()
			if n := w.group.State().Failbacks; n != 1 {
				w.t.Errorf("%d failbacks", n)
			}
		}},
		{"a break in its health begins the hold anew", checkedPair(), func(w *world) {
			lose(w)
			w.pass(10 * time.Second)
			heal(w)
			w.pass(20 * time.Second)
			w.checked("A", errRefused)
			w.pass(10 * time.Second)
			heal(w)
			w.pass(25 * time.Second)
			w.wantActive("B")
			w.pass(15 * time.Second)
			w.wantActive("A")
		}},
		{"a manual return waits for an operator", manual(checkedPair()), func(w *world) {
			lose(w)
			heal(w)
			w.pass(time.Hour)
			w.wantActive("B")
			if err := w.group.Failback(); err != nil {
				w.t.Error(err)
			}
			w.wantActive("A")
		}},
		{"or for the backup to fail, which is a failover", manual(checkedPair()), func(w *world) {
			lose(w)
			heal(w)
			w.pass(time.Minute)
			w.checked("B", errRefused)
			w.pass(10 * time.Second)
			w.wantActive("A")
			w.wantCuts("one failover")
			if s := w.group.State(); s.Failovers != 2 || s.Failbacks != 0 {
				w.t.Errorf("%d failovers and %d failbacks, want 2 and 0", s.Failovers, s.Failbacks)
			}
		}},
		{"what an operator chose is held", checkedPair(), func(w *world) {
			w.session("at A")
			if err := w.group.Failover(); err != nil {
				w.t.Error(err)
			}
			w.wantLog("level=WARN msg=failover from=A to=B reason=operator cut=1")
			w.wantCuts("at A failover")
			w.pass(time.Hour)
			w.wantActive("B")
			if !w.group.State().Held {
				w.t.Error("not held")
			}
			if m, ok := w.group.Memory(); m != (Memory{Active: "B", Held: true}) || !ok {
				w.t.Errorf("memory %v, %v", m, ok)
			}
		}},
		{"until it fails", checkedPair(), func(w *world) {
			w.group.Failover()
			w.is("B", refuses)
			w.wants("A", 2*retryPause)
			w.wantActive("A")
			if w.group.State().Held {
				w.t.Error("still held")
			}
		}},
		{"an operator knows better than old evidence", pair(), func(w *world) {
			lose(w)
			if err := w.group.Failback(); err != nil {
				w.t.Error(err)
			}
			w.wantHealthy(true, true)
			w.wantActive("A")
		}},
		{"but not than checks", checkedPair(), func(w *world) {
			lose(w)
			wantError(w.t, w.group.Failback(), "the primary A is unhealthy: upstream_refused: connection refused; the backup B stays active")
			w.wantActive("B")
		}},
		{"and old evidence does not keep him from the backup", pair(), func(w *world) {
			w.group.Failover()
			w.is("B", refuses)
			w.wants("A", 2*retryPause)
			wantError(w.t, w.group.Failover(), "the backup B is unhealthy: upstream_refused: connection refused; the primary A stays active")
			w.pass(firstPause)
			w.is("B", nil)
			if err := w.group.Failover(); err != nil {
				w.t.Error(err)
			}
			w.wants("B", 0)
			w.wantHealthy(true, true)
		}},
		{"sessions that stayed at the backup are cut when it becomes unhealthy", pair(), func(w *world) {
			w.group.Failover()
			w.session("stays")
			var uses []*Use
			for range 3 {
				uses = append(uses, w.session("dead").use)
			}
			w.group.Failback()
			w.wantCuts()
			for _, use := range uses {
				use.Done(policy.PeerDead)
			}
			w.wantCuts("stays failover")
			w.wantActive("A")
		}},
		{"a switch to where it is already is refused", pair(), func(w *world) {
			wantError(w.t, w.group.Failback(), "the primary A is the active endpoint already")
			w.group.Failover()
			wantError(w.t, w.group.Failover(), "the backup B is the active endpoint already")
		}},
		{"and one to what is down", checkedPair(), func(w *world) {
			w.checked("B", errAnswer)
			w.pass(10 * time.Second)
			wantError(w.t, w.group.Failover(), "the backup B is unhealthy: a wrong answer; the primary A stays active")
			w.wantActive("A")
		}},
		{"there has to be a pair", Settings{Endpoints: endpoints("A")}, func(w *world) {
			wantError(w.t, w.group.Failover(), "the upstream has no primary and backup to choose from")
			wantError(w.t, w.group.Failback(), "the upstream has no primary and backup to choose from")
		}},
		{"the next process remembers", pair(), func(w *world) {
			if m, ok := w.group.Memory(); ok {
				w.t.Errorf("memory %v of nothing", m)
			}
			w.group.Remember(Memory{Active: "X"})
			w.wantActive("A")
			w.group.Remember(Memory{Active: "B"})
			w.wants("B", 0)
			w.pass(30 * time.Second)
			w.wants("A", 0)
		}},
		{"checks of long ago do not count when there are checks again", checkedPair(), func(w *world) {
			w.pass(time.Minute)
			s := pair()
			w.group.Configure(usual(s))
			w.pass(time.Minute)
			w.group.Remember(Memory{Active: "B"})
			s = checkedPair()
			w.group.Configure(usual(s))
			w.pass(30 * time.Second)
			w.wantActive("B")
			w.pass(5 * time.Second)
			w.wantActive("A")
		}},
		{"and holds what was held", checkedPair(), func(w *world) {
			w.group.Remember(Memory{Active: "B", Held: true})
			w.pass(time.Hour)
			w.wants("B", 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
