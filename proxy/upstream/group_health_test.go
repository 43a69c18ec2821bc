package upstream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func sole() Settings { return Settings{Endpoints: endpoints("A"), DialTimeout: 5 * time.Second} }

func checkedSole() Settings {
	s := sole()
	s.Health.Active = true
	return s
}

func withoutLimit(s Settings) Settings {
	s.DialTimeout = time.Hour
	return s
}

// TestTrials: where only sessions ask, they find out without all of them waiting.
func TestTrials(t *testing.T) {
	// fall makes a silent A unhealthy.
	fall := func(w *world) {
		w.is("A", silent)
		for range 3 {
			w.wants("upstream_timeout", 5*time.Second)
		}
		w.wantHealthy(false)
		w.attempts = nil
	}
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"a sole endpoint has one attempt of the dial timeout", sole(), func(w *world) {
			w.is("A", silent)
			w.wants("upstream_timeout", 5*time.Second)
			w.wantAttempts("A")
			w.wantHealthy(true)
		}},
		{"no session is held in the pause", sole(), func(w *world) {
			fall(w)
			c := w.session("one")
			if c.took != 0 || c.err.Error() != "upstream_down: no endpoint is healthy: A (upstream_timeout: no answer)" {
				w.t.Errorf("%v after %v", c.err, c.took)
			}
			w.wantAttempts()
		}},
		{"after it one tries, and the others wait for the outcome", sole(), func(w *world) {
			fall(w)
			w.pass(firstPause)
			trial := w.begin("trial")
			other := w.begin("other")
			if n := w.group.State().Waiting; n != 1 {
				w.t.Errorf("%d wait, want 1", n)
			}
			w.pass(5 * time.Second)
			w.wantAttempts("A")
			if trial.where() != "upstream_timeout" || other.where() != "upstream_down" || other.took != 5*time.Second {
				w.t.Errorf("trial %+v, other %+v", trial, other)
			}
		}},
		{"a success lets the next in, and enough of them everybody", sole(), func(w *world) {
			fall(w)
			w.pass(firstPause)
			w.is("A", slow(time.Second))
			var all []*came
			for range 10 {
				all = append(all, w.begin("some"))
			}
			w.wantAttempts("A")
			w.pass(time.Second)
			w.wantAttempts("A")
			w.wantHealthy(false)
			w.pass(time.Second)
			w.wantHealthy(true)
			w.pass(time.Second)
			for _, c := range all {
				if c.where() != "A" || c.took > 3*time.Second {
					w.t.Errorf("%+v", c)
				}
			}
		}},
		{"the pause doubles up to the interval", sole(), func(w *world) {
			fall(w)
			for _, pause := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
				w.pass(pause*time.Millisecond - 1)
				w.wants("upstream_down", 0)
				w.pass(1)
				w.wants("upstream_timeout", 5*time.Second)
			}
		}},
		{"a trial that never was is no outcome", sole(), func(w *world) {
			fall(w)
			w.pass(firstPause)
			ctx, leave := context.WithCancelCause(w.ctx)
			go w.sessionOf(ctx, "trial", clientOf(1))
			synctest.Wait()
			other := w.begin("other")
			w.is("A", nil)
			leave(errors.New("the client has gone"))
			synctest.Wait()
			if other.use == nil || other.took != 0 {
				w.t.Errorf("other %+v", other)
			}
		}},
		{"a sole endpoint that refuses is asked every time, for it may be back", sole(), func(w *world) {
			w.is("A", refuses)
			for range 10 {
				w.wants("upstream_refused", 0)
			}
			w.wantHealthy(false)
			w.is("A", nil)
			w.wants("A", 0)
		}},
		{"passive evidence cuts nobody where there is nothing else", sole(), func(w *world) {
			w.session("one")
			fall(w)
			w.wantCuts()
		}},
		{"checks do not keep sessions from a sole endpoint that restarts", checkedSole(), func(w *world) {
			w.pass(time.Second) // the next check is a while away
			w.is("A", refuses)
			for range 10 {
				w.wants("upstream_refused", 0)
			}
			w.wantHealthy(false)
			w.is("A", nil)
			w.wants("A", 0)
			w.wants("A", 0)
			w.wantHealthy(true)
		}},
		{"nor when they have found it refusing, and they say when it is well", checkedSole(), func(w *world) {
			w.is("A", refuses)
			w.checked("A", errRefused)
			w.pass(30 * time.Second)
			w.wantHealthy(false)
			w.wants("upstream_refused", 0)
			w.is("A", nil)
			w.checked("A", nil)
			for range 5 {
				w.wants("A", 0)
			}
			w.wantHealthy(false)
			w.pass(5 * time.Second)
			w.wantHealthy(true)
		}},
		{"a sole endpoint that accepts again and answers checks wrongly is down", checkedSole(), func(w *world) {
			w.checked("A", errRefused)
			w.pass(30 * time.Second)
			w.checked("A", errAnswer)
			w.pass(3 * time.Second)
			w.wants("upstream_down", 0)
		}},
		{"where only sessions found a sole endpoint ill, sessions try it", checkedSole(), func(w *world) {
			w.is("A", answersWrongly)
			for range 3 {
				w.wants("upstream_tls", 0)
			}
			w.wantHealthy(false)
			w.wants("upstream_down", 0)
			w.is("A", nil)
			w.pass(firstPause)
			w.wants("A", 0)
			w.wants("A", 0)
			w.wantHealthy(true)
		}},
		{"with checks a sole endpoint that is down costs nobody time", checkedSole(), func(w *world) {
			w.is("A", slow(3*time.Second))
			w.session("one")
			connecting := w.begin("connecting")
			w.checked("A", errAnswer)
			w.pass(30 * time.Second)
			w.wantHealthy(false)
			w.wantCuts("connecting failover", "one failover")
			if connecting.use == nil {
				w.t.Errorf("connecting %+v", connecting)
			}
			w.attempts = nil
			w.wants("upstream_down", 0)
			w.wantAttempts()
		}},
		{"who is being connected when checks say so is refused at once", withoutLimit(checkedSole()), func(w *world) {
			w.is("A", silent)
			w.checked("A", errAnswer)
			c := w.begin("one")
			w.pass(10 * time.Second)
			if c.where() != "upstream_down" || c.took > 6*time.Second {
				w.t.Errorf("came to %s after %v", c.where(), c.took)
			}
		}},
		{"checks that say so later cut as well", checkedSole(), func(w *world) {
			w.session("one")
			fall(w)
			w.wantCuts()
			w.checked("A", errAnswer)
			w.pass(10 * time.Second)
			w.wantCuts("one failover")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

func TestChecks(t *testing.T) {
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"each endpoint is asked at once, and then every interval, more or less", checkedPair(), func(w *world) {
			w.pass(200 * time.Millisecond)
			w.wantAsked(1, 1, "A", "B")
			w.pass(100 * time.Second)
			w.wantAsked(40, 64, "A", "B")
			differ := false
			for i, at := range w.askedAt[1:] {
				gap := at.Sub(w.askedAt[i])
				differ = differ || gap != w.askedAt[1].Sub(w.askedAt[0])
				if gap < 1600*time.Millisecond || gap > 2400*time.Millisecond {
					w.t.Errorf("%v between two checks", gap)
				}
			}
			if !differ {
				w.t.Error("there is no jitter")
			}
		}},
		{"what sessions met before is not for sessions to take back where there are checks", checkedParallel(RoundRobin), func(w *world) {
			w.is("A", slow(100*time.Millisecond))
			for range 6 {
				w.begin("one")
			}
			w.is("A", refuses)
			for range 9 {
				w.session("another")
			}
			w.pass(200 * time.Millisecond)
			if n := w.group.State().Endpoints[0].Connected; n != 2 {
				w.t.Errorf("%d connected, want 2", n)
			}
			w.wantHealthy(false, true, true)
			w.pass(5 * time.Second)
			w.wantHealthy(true, true, true)
		}},
		{"fall failures in a row end its health, and rise successes begin it", checkedSole(), func(w *world) {
			w.checked("A", errAnswer)
			w.pass(3100 * time.Millisecond) // two checks at most
			w.wantHealthy(true)
			w.pass(2 * time.Second)
			w.wantHealthy(false)
			w.checked("A", nil)
			w.pass(6 * time.Second)
			w.wantHealthy(true)
			w.wantLog(`level=WARN msg="endpoint is unhealthy" endpoint=A role=primary error="a wrong answer" failures=3`,
				`level=INFO msg="endpoint is healthy" endpoint=A role=primary successes=2`)
		}},
		{"a standby that connects and answers wrongly goes down whatever sessions meet", checkedSole(), func(w *world) {
			w.checked("A", errAnswer)
			for range 100 {
				w.session("one")
				w.pass(100 * time.Millisecond)
			}
			w.wantHealthy(false)
		}},
		{"an outcome that is about us is no evidence, and told of once", checkedSole(), func(w *world) {
			w.checked("A", errNoPorts)
			w.pass(time.Minute)
			w.wantHealthy(true)
			w.wantLog(`level=WARN msg="endpoint cannot be checked" endpoint=A role=primary error="upstream_source_exhausted: no port came free"`)
			if s := w.group.State().Endpoints[0]; s.Problem == "" || s.Unwell != 0 || s.Checks == 0 {
				w.t.Errorf("state %+v", s)
			}
		}},
		{"where it cannot be asked, sessions find out that it is well again", checkedSole(), func(w *world) {
			w.checked("A", errNoPorts)
			w.pass(5 * time.Second)
			w.is("A", silent)
			for range 3 {
				w.wants("upstream_timeout", 5*time.Second)
			}
			w.wantHealthy(false)
			w.is("A", nil)
			w.pass(time.Minute)
			w.wants("A", 0)
			w.wants("A", 0)
			w.wantHealthy(true)
		}},
		{"nor what checks said before counts any more then", checkedSole(), func(w *world) {
			w.checked("A", errAnswer)
			w.pass(time.Minute)
			w.wantHealthy(false)
			w.wants("upstream_down", 0)
			w.checked("A", errNoPorts)
			w.pass(time.Minute)
			w.wants("A", 0)
			w.wants("A", 0)
			w.wantHealthy(true)
		}},
		{"and that a primary is back", checkedPair(), func(w *world) {
			w.checked("A", errNoPorts)
			w.pass(5 * time.Second)
			w.is("A", silent)
			w.wants("B", 3*time.Second+2*retryPause)
			w.is("A", nil)
			w.wants("B", 0)
			w.pass(time.Minute)
			w.wants("A", 0)
			w.wants("A", 0)
		}},
		{"a check that hangs is cut", checkedSole(), func(w *world) {
			w.checked("A", errHang)
			w.pass(20 * time.Second)
			w.wantHealthy(false)
			if p := w.group.State().Endpoints[0].Problem; p != "context deadline exceeded" {
				w.t.Errorf("problem %q", p)
			}
		}},
		{"a reload changes the interval at once", checkedSole(), func(w *world) {
			s := checkedSole()
			s.Health.Interval = time.Hour
			w.group.Configure(usual(s))
			w.pass(time.Minute)
			s.Health.Interval = time.Second
			w.group.Configure(usual(s))
			w.pass(10 * time.Second)
			w.wantAsked(8, 14, "A")
			s.Health.Active = false
			w.group.Configure(usual(s))
			w.pass(time.Minute)
			w.wantAsked(8, 14, "A")
		}},
		{"reloads do not put checks off", checkedSole(), func(w *world) {
			for range 1000 {
				s := checkedSole()
				w.group.Configure(usual(s))
				w.pass(100 * time.Millisecond)
			}
			w.wantAsked(40, 64, "A")
		}},
		{"endpoints that come are asked, and such that go are not", checkedSole(), func(w *world) {
			s := checkedPair()
			w.group.Configure(usual(s))
			w.pass(time.Minute)
			w.wantAsked(20, 40, "A", "B")
			s.Endpoints = endpoints("B", "C")
			w.group.Configure(usual(s))
			w.pass(time.Hour)
			w.wantAsked(20, 40, "A")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

func (w *world) wantAsked(least, most int, names ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		if n := w.asked[name]; n < least || n > most {
			w.t.Errorf("%s was asked %d times, want %d to %d", name, n, least, most)
		}
	}
}

func TestState(t *testing.T) {
	inWorld(t, pair(), func(w *world) {
		begun := time.Now()
		w.session("one")
		w.is("A", refuses)
		w.session("two")
		w.is("B", slow(time.Hour)) // which State does not wait for
		w.begin("three")
		want := State{
			Name: "app", Redundant: true, Active: "B", Failovers: 1,
			Endpoints: []EndpointState{
				{Endpoint: "A", Role: "primary", Since: begun.Add(2 * retryPause), Problem: "upstream_refused: connection refused",
					Sessions: 1, Connected: 1, Failed: 3},
				{Endpoint: "B", Role: "backup", Healthy: true, Since: begun, Sessions: 1, Connected: 1},
			},
		}
		if diff := cmp.Diff(want, w.group.State()); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		w.pass(2 * time.Hour)
	})
}

func TestStandby(t *testing.T) {
	inWorld(t, checkedPair(), func(w *world) {
		want := func(want string) {
			t.Helper()
			synctest.Wait()
			got := "none"
			if e, _ := w.group.Standby(); e != nil {
				got = e.String()
			}
			if got != want {
				t.Errorf("standby is %s, want %s", got, want)
			}
		}
		wantChange := func(changed <-chan struct{}) {
			t.Helper()
			select {
			case <-changed:
			case <-time.After(time.Minute):
				t.Error("no change")
			}
		}
		want("B")
		w.group.Failover()
		want("B")
		_, changed := w.group.Standby()
		w.checked("B", errAnswer)
		wantChange(changed)
		w.pass(10 * time.Second)
		want("none")
		_, changed = w.group.Standby()
		w.checked("B", nil)
		wantChange(changed)
		want("B")
		s := sole()
		w.group.Configure(usual(s))
		want("none")
	})
}

// TestStandbyWithoutChecks: no session goes to a backup that is not in use, so it is the spare connection that shows that it is
// back.
func TestStandbyWithoutChecks(t *testing.T) {
	inWorld(t, pair(), func(w *world) {
		w.is("A", refuses)
		w.is("B", refuses)
		w.session("one")
		w.wantHealthy(false, false)
		w.is("A", nil)
		w.pass(time.Minute)
		w.session("two")
		w.session("three")
		w.wantHealthy(true, false)
		w.wantActive("A")
		e, _ := w.group.Standby()
		if e == nil || e.String() != "B" {
			t.Fatalf("standby is %v, want B", e)
		}
		w.group.Reached(e)
		w.wantHealthy(true, true)
		w.group.Reached(&Endpoint{Network: "tcp", Address: "nobody:1"})
	})
	inWorld(t, checkedPair(), func(w *world) {
		e, _ := w.group.Standby()
		w.checked("B", errAnswer)
		w.pass(30 * time.Second)
		w.group.Reached(e)
		w.wantHealthy(true, false)
	})
}

func TestLocal(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{errNoPorts, true},
		{policy.Refuse(policy.HandshakeBusy, nil), true},
		{context.Canceled, true},
		{context.DeadlineExceeded, false},
		{errRefused, false},
		{policy.Refuse(policy.UpstreamHeader, nil), false},
		{errAnswer, false},
	}
	for _, tt := range tests {
		if got := Local(tt.err); got != tt.want {
			t.Errorf("Local(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// TestProblemIsFitToBeShown: peers have their part in errors.
func TestProblemIsFitToBeShown(t *testing.T) {
	got := printable{errors.New("bad\x1b[31m\n" + strings.Repeat("é", 500))}.Error()
	if want := "bad\uFFFD[31m\uFFFD"; !strings.HasPrefix(got, want) {
		t.Errorf("problem %q, want it to begin with %q", got, want)
	}
	if n := len([]rune(got)); n > longestError {
		t.Errorf("%d characters", n)
	}
}
