package upstream

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// clientOf returns the n-th client.
func clientOf(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func parallel(b Balance) Settings {
	return Settings{Endpoints: endpoints("A", "B", "C"), Balance: b, DialTimeout: 3 * time.Second}
}

func checkedParallel(b Balance) Settings {
	s := parallel(b)
	s.Health.Active = true
	return s
}

func TestParallel(t *testing.T) {
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"round robin takes turns", parallel(RoundRobin), func(w *world) {
			for range 3 {
				w.wants("A", 0)
				w.wants("B", 0)
				w.wants("C", 0)
			}
		}},
		{"round robin passes over what is unhealthy, to nobody's double share", checkedParallel(RoundRobin), func(w *world) {
			w.checked("B", errAnswer)
			w.pass(10 * time.Second)
			for range 3 {
				w.wants("A", 0)
				w.wants("C", 0)
			}
		}},
		{"least connections fills up, and ties take turns", parallel(LeastConnections), func(w *world) {
			a := w.wants("A", 0)
			w.wants("B", 0)
			w.wants("C", 0)
			a.Done(policy.EndOfStream)
			w.wants("A", 0)
			w.is("B", slow(time.Second))
			w.is("C", slow(time.Second))
			w.begin("on its way") // attempts count
			w.begin("on its way")
			w.wants("A", 0).Done(policy.EndOfStream)
			w.wants("A", 0)
			w.pass(time.Minute)
		}},
		{"what sessions an unhealthy endpoint still has does not keep it from being tried", parallel(LeastConnections), func(w *world) {
			at := make(map[string][]*Use)
			for range 12 {
				use := w.session("").use
				at[use.member.name] = append(at[use.member.name], use)
			}
			for _, use := range append(at["B"], at["C"]...) {
				use.Done(policy.EndOfStream)
			}
			for _, use := range at["A"][:3] {
				use.Done(policy.PeerDead)
			}
			w.wantHealthy(false, true, true)
			w.pass(firstPause)
			w.wants("A", 0)
		}},
		{"a failed attempt goes on at the next one at once, each once", parallel(RoundRobin), func(w *world) {
			w.is("A", refuses)
			w.wants("B", 0)
			w.is("B", refuses)
			w.is("C", refuses)
			w.attempts = nil
			w.wants("upstream_refused", 0)
			w.wantAttempts("B", "C", "A")
		}},
		{"an unhealthy endpoint is tried again by one session, shortly", parallel(LeastConnections), func(w *world) {
			w.is("A", refuses)
			for range 3 {
				w.session("one")
			}
			w.wantHealthy(true, true, true)
			for range 3 {
				w.session("one")
			}
			w.wantHealthy(false, true, true)
			w.attempts = nil
			w.session("one")
			w.session("one")
			if slices.Contains(w.attempts, "A") {
				w.t.Errorf("attempts at %q within the pause", w.attempts)
			}
			w.is("A", silent)
			w.pass(firstPause)
			if c := w.session("one"); c.err != nil || c.took != time.Second {
				w.t.Errorf("the trial %v after %v", c.err, c.took)
			}
			w.is("A", nil)
			w.pass(2 * firstPause)
			w.wants("A", 0)
			w.wants("A", 0)
			w.wantHealthy(true, true, true)
		}},
		{"a client stays, and moves only if its endpoint leaves", checkedParallel(SourceHash), func(w *world) {
			before := make(map[netip.Addr]string)
			for n := range 300 {
				before[clientOf(n)] = w.sessionOf(w.ctx, "one", clientOf(n)).where()
			}
			w.checked("B", errAnswer)
			w.pass(10 * time.Second)
			for client, was := range before {
				is := w.sessionOf(w.ctx, "one", client).where()
				if was != "B" && is != was || is == "B" {
					w.t.Errorf("%s moved from %s to %s", client, was, is)
				}
			}
			w.checked("B", nil)
			w.pass(10 * time.Second)
			for client, was := range before {
				if is := w.sessionOf(w.ctx, "one", client).where(); is != was {
					w.t.Errorf("%s came back to %s, not to %s", client, is, was)
				}
			}
		}},
		{"checks cut the sessions of what is down, sessions do not", checkedParallel(RoundRobin), func(w *world) {
			w.session("at A")
			w.is("B", refuses)
			for range 6 {
				w.session("")
			}
			w.wantCuts()
			w.checked("A", errAnswer)
			w.pass(10 * time.Second)
			w.mu.Lock()
			if !slices.Contains(w.cuts, "at A failover") {
				w.t.Errorf("cuts %q", w.cuts)
			}
			w.mu.Unlock()
		}},
		{"with all down sessions are refused at once, and told of each", checkedParallel(RoundRobin), func(w *world) {
			for _, name := range []string{"A", "B", "C"} {
				w.checked(name, errAnswer)
			}
			w.pass(10 * time.Second)
			c := w.session("one")
			want := "upstream_down: no endpoint is healthy: A (a wrong answer), B (a wrong answer), C (a wrong answer)"
			if c.err == nil || c.err.Error() != want || c.took != 0 {
				w.t.Errorf("%v after %v", c.err, c.took)
			}
		}},
		{"an endpoint that is named twice is one", Settings{Endpoints: endpoints("A", "A", "B")}, func(w *world) {
			if n := len(w.group.State().Endpoints); n != 2 {
				w.t.Errorf("%d endpoints", n)
			}
		}},
		{"without endpoints sessions are refused", Settings{}, func(w *world) { w.wants("upstream_down", 0) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

func TestPacing(t *testing.T) {
	narrow := func(s Settings) Settings {
		s.MaxDials, s.Queue = 2, 3
		return s
	}
	fill := func(w *world, n int) (all []*came) {
		for range n {
			all = append(all, w.begin("some"))
		}
		return all
	}
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"so many at once, in the order in which they came, and no more", narrow(sole()), func(w *world) {
			w.is("A", slow(time.Second))
			all := fill(w, 5)
			if n := w.group.State().Waiting; n != 3 {
				w.t.Errorf("%d wait, want 3", n)
			}
			c := w.session("too many")
			want := "upstream_queue: 5 sessions are being connected already (at each endpoint 2 at once, and 3 that wait)"
			if c.err == nil || c.err.Error() != want || c.took != 0 {
				w.t.Errorf("%v after %v", c.err, c.took)
			}
			w.pass(time.Minute)
			for i, c := range all {
				if want := time.Duration(1+i/2) * time.Second; c.took != want || c.use == nil {
					w.t.Errorf("number %d took %v, want %v", i, c.took, want)
				}
			}
		}},
		{"waiting ends with the dial timeout", narrow(sole()), func(w *world) {
			w.is("A", func(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return context.Cause(ctx) })
			all := fill(w, 2)
			c := w.session("waits")
			want := "upstream_timeout: A: the session waited 5s for its turn to be connected and it did not come"
			if c.err == nil || c.err.Error() != want || c.took != 5*time.Second {
				w.t.Errorf("%v after %v", c.err, c.took)
			}
			w.wantHealthy(true)
			s := sole()
			s.Endpoints = endpoints("B")
			w.group.Configure(usual(s))
			synctest.Wait()
			for _, c := range all {
				if c.where() != "B" {
					w.t.Errorf("%+v", c)
				}
			}
		}},
		{"who gives up leaves at once", narrow(sole()), func(w *world) {
			w.is("A", slow(2*time.Second))
			fill(w, 2)
			ctx, leave := context.WithCancelCause(w.ctx)
			var left came
			go func() { left = w.sessionOf(ctx, "one", clientOf(1)) }()
			synctest.Wait()
			next := w.begin("next")
			leave(policy.Refuse(policy.DetectClosed, errors.New("gone")))
			synctest.Wait()
			if n := w.group.State().Waiting; n != 1 || left.where() != string(policy.DetectClosed) {
				w.t.Errorf("%d wait, left %+v", n, left)
			}
			w.pass(4 * time.Second)
			if next.took != 4*time.Second {
				w.t.Errorf("next %+v", next)
			}
		}},
		{"who has to go elsewhere keeps his place among those who came later", Settings{
			Endpoints: endpoints("A", "B"), Balance: RoundRobin, DialTimeout: time.Minute, MaxDials: 1, Queue: 1,
		}, func(w *world) {
			w.is("A", failsAfter(time.Second))
			w.is("B", slow(1500*time.Millisecond))
			var took []time.Duration
			all := fill(w, 4) // at A, B, and in the queues of A and B, which are full
			w.pass(time.Minute)
			for _, c := range all {
				if c.where() != "B" {
					w.t.Errorf("%+v", c)
				}
				took = append(took, c.took/time.Millisecond)
			}
			if want := []time.Duration{3000, 1500, 4500, 6000}; !slices.Equal(took, want) {
				w.t.Errorf("they took %d ms, want %d", took, want)
			}
		}},
		{"who waits for an endpoint that becomes unhealthy is refused at once", narrow(sole()), func(w *world) {
			w.is("A", failsAfter(time.Second))
			w.session("one")
			w.session("two")
			all := fill(w, 4)
			w.pass(time.Second)
			for i, c := range all {
				if want := []string{"upstream_timeout", "upstream_down"}[i/2]; c.where() != want || c.took != time.Second {
					w.t.Errorf("number %d: %+v, want %s", i, c, want)
				}
			}
		}},
		{"a failover keeps the turns", narrow(pair()), func(w *world) {
			w.is("A", slow(time.Hour))
			w.is("B", slow(time.Second))
			all := fill(w, 5)
			if err := w.group.Failover(); err != nil {
				w.t.Error(err)
			}
			w.wants("upstream_queue", 0)
			w.pass(time.Minute)
			for _, c := range all {
				if c.where() != "B" || c.took > 3*time.Second {
					w.t.Errorf("%+v", c)
				}
			}
		}},
		{"a reload that allows more lets more in", narrow(sole()), func(w *world) {
			w.is("A", slow(time.Second))
			all := fill(w, 5)
			s := sole()
			w.group.Configure(usual(s))
			w.pass(time.Second)
			for _, c := range all {
				if c.took != time.Second {
					w.t.Errorf("%+v", c)
				}
			}
		}},
		{"parallel endpoints fill one after the other", narrow(parallel(SourceHash)), func(w *world) {
			for _, name := range []string{"A", "B", "C"} {
				w.is(name, slow(time.Second))
			}
			fill(w, 15) // of one client
			w.wants("upstream_queue", 0)
			w.pass(time.Minute)
		}},
		{"a panic gives the place back", narrow(sole()), func(w *world) {
			w.is("A", func(context.Context, time.Duration) error { panic("defect") })
			for range 5 {
				func() {
					defer func() { recover() }()
					w.session("one")
				}()
			}
			w.is("A", nil)
			w.wants("A", 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

func TestConfigure(t *testing.T) {
	tests := []struct {
		name     string
		settings Settings
		test     func(w *world)
	}{
		{"what is known of an endpoint that stays is kept", checkedPair(), func(w *world) {
			w.checked("A", errAnswer)
			w.pass(10 * time.Second)
			s := checkedPair()
			s.Endpoints = append(endpoints("C"), w.group.members[0].endpoint)
			slices.Reverse(s.Endpoints)
			w.group.Configure(usual(s))
			w.wantHealthy(false, true)
			w.wantActive("C")
		}},
		{"unless it is reached in another way, which may be what it lacked", checkedPair(), func(w *world) {
			w.checked("A", errAnswer)
			w.checked("B", errAnswer)
			w.pass(10 * time.Second)
			w.wants("upstream_down", 0)
			s := checkedPair() // with other values
			w.group.Configure(usual(s))
			w.wantHealthy(true, true)
			if c := w.session("one"); c.err != nil {
				w.t.Error(c.err)
			}
		}},
		{"the active endpoint stays active", pair(), func(w *world) {
			w.group.Failover()
			s := pair()
			s.Endpoints = endpoints("C", "B")
			w.group.Configure(usual(s))
			w.wantActive("B")
			if !w.group.State().Held {
				w.t.Error("no longer held")
			}
			s.Endpoints = endpoints("B", "A")
			w.group.Configure(usual(s))
			if s := w.group.State(); s.Active != "B" || s.Held {
				w.t.Errorf("state %+v", s)
			}
		}},
		{"sessions at an endpoint that goes stay", pair(), func(w *world) {
			use := w.wants("A", 0)
			s := pair()
			s.Endpoints = endpoints("C", "B")
			w.group.Configure(usual(s))
			w.wantCuts()
			w.wants("C", 0)
			use.Done(policy.PeerDead)
			if _, ok := w.group.known["A"]; ok {
				w.t.Error("an endpoint without sessions is remembered")
			}
		}},
		{"what was known of an endpoint that comes back is old", pair(), func(w *world) {
			w.wants("A", 0)
			w.is("A", refuses)
			w.wants("B", 2*retryPause)
			s := pair()
			s.Endpoints = endpoints("B")
			w.group.Configure(usual(s))
			s = pair()
			w.group.Configure(usual(s))
			w.wantHealthy(true, true)
			w.wantActive("A")
			if n := w.group.State().Endpoints[0].Sessions; n != 1 {
				w.t.Errorf("%d sessions at A, want the one that is still there", n)
			}
		}},
		{"a connection that was made at what was left in that moment is made anew", pair(), func(w *world) {
			w.is("A", func(context.Context, time.Duration) error {
				w.group.Failover()
				return nil
			})
			w.wants("B", 0)
			w.wantAttempts("A", "B")
			w.wantCuts()
		}},
		{"without checks any more, sessions may ask at once", checkedSole(), func(w *world) {
			w.checked("A", errAnswer)
			w.pass(10 * time.Second)
			w.wants("upstream_down", 0)
			s := sole()
			w.group.Configure(usual(s))
			w.wants("A", 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { inWorld(t, tt.settings, tt.test) })
	}
}

// TestTurnThatComesTooLate: the turn of a session can come in the moment in which its patience ends. If it goes, that says nothing
// about the endpoint.
func TestTurnThatComesTooLate(t *testing.T) {
	for range 20 {
		s := sole()
		s.MaxDials, s.Queue, s.DialTimeout = 1, 20, time.Second
		inWorld(t, s, func(w *world) {
			w.is("A", slow(time.Second))
			for range 20 {
				w.begin("one")
			}
			w.pass(time.Minute)
			if a := w.group.State().Endpoints[0]; !a.Healthy || a.Failed > 0 || a.Problem != "" {
				t.Errorf("state %+v", a)
			}
		})
	}
}
