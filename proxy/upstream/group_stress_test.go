package upstream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// TestStorm has everything happen at once, in virtual time: whatever it is, every session comes to an end, bounds hold, and
// nothing is left behind.
func TestStorm(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	redundant, spread, hashed := pair(), parallel(LeastConnections), checkedParallel(SourceHash)
	tests := []struct {
		name     string
		settings []Settings // reloads go round
	}{
		{"pair", []Settings{redundant}},
		{"pair with checks", []Settings{checkedPair()}},
		{"pair with checks now and then", []Settings{redundant, checkedPair(), manual(pair()), keep(pair())}},
		{"parallel", []Settings{spread}},
		{"parallel with checks", []Settings{hashed, checkedParallel(RoundRobin)}},
		{"sole", []Settings{sole(), checkedSole()}},
		{"all in turn", []Settings{redundant, spread, sole(), hashed, checkedPair(), checkedSole()}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.settings {
				tt.settings[i].MaxDials, tt.settings[i].Queue = 4, 8
				tt.settings[i].Hold = time.Second
			}
			synctest.Test(t, func(t *testing.T) { newStorm(t, tt.settings).rage() })
		})
	}
}

// storm is a group and all that happens to it.
type storm struct {
	t        *testing.T
	settings []Settings
	group    *Group
	dialing  sync.Map // *atomic.Int64 by endpoint
	live     atomic.Int64
	served   atomic.Uint64
}

func newStorm(t *testing.T, settings []Settings) *storm {
	s := &storm{t: t, settings: settings}
	s.group = NewGroup("storm", slog.New(slog.DiscardHandler), s)
	s.group.Configure(usual(settings[0]))
	return s
}

func (s *storm) rage() {
	ctx, calm := context.WithCancel(s.t.Context())
	var forces, sessions sync.WaitGroup
	forces.Go(func() { s.group.Run(ctx) })
	force := func(do func(i int)) {
		forces.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				time.Sleep(rand.N(500 * time.Millisecond))
				do(i)
			}
		})
	}
	force(func(i int) { s.group.Configure(usual(s.settings[i%len(s.settings)])) })
	force(func(int) { s.group.Failover() })
	force(func(int) { s.group.Failback() })
	force(func(int) { s.inspect() })
	force(func(int) { s.group.Standby(); s.group.Memory() })
	for range 40 {
		sessions.Go(func() {
			for range 50 {
				s.session(ctx)
			}
		})
	}
	sessions.Wait()
	calm()
	forces.Wait()
	(&world{t: s.t, group: s.group}).wantIdle()
	if n := s.live.Load(); n != 0 {
		s.t.Errorf("%d sessions are left over", n)
	}
	s.wantCounted()
}

// session is one that comes, and mostly stays for a while.
func (s *storm) session(ctx context.Context) {
	if rand.N(10) == 0 {
		impatient, cancel := context.WithTimeout(ctx, rand.N(time.Second))
		defer cancel()
		ctx = impatient
	}
	cut := make(chan struct{})
	use, err := s.group.Connect(ctx, Session{
		Client: clientOf(rand.N(1000)),
		Cut: func(policy.Reason) {
			s.group.State() // it may ask
			close(cut)      // and is told once
		},
	}, s.connect)
	if _, refused := errors.AsType[*policy.Refusal](err); err != nil && (!refused || use != nil) {
		s.t.Errorf("error %#v, use %v", err, use)
	}
	if err != nil {
		time.Sleep(rand.N(100 * time.Millisecond))
		return
	}
	s.served.Add(1)
	s.live.Add(1)
	defer s.live.Add(-1)
	reasons := []policy.Reason{policy.EndOfStream, policy.Reset, policy.PeerDead}
	select {
	case <-cut:
		use.Done(policy.Failover)
	case <-time.After(rand.N(2 * time.Second)):
		use.Done(reasons[rand.N(len(reasons))])
		use.Done(policy.PeerDead)
	}
}

// connect is an attempt to which anything can happen.
func (s *storm) connect(ctx context.Context, e *Endpoint, within time.Duration, _ sourceport.Turn) error {
	counter, _ := s.dialing.LoadOrStore(e.String(), new(atomic.Int64))
	now := counter.(*atomic.Int64)
	if n := now.Add(1); n > 4 {
		s.t.Errorf("%d attempts at %s at once, want 4 at most", n, e)
	}
	defer now.Add(-1)
	switch rand.N(10) {
	case 0, 1, 2:
		return errRefused
	case 3:
		return silent(ctx, within)
	case 4:
		return errNoPorts
	case 5:
		return slow(rand.N(time.Second))(ctx, within)
	default:
		return nil
	}
}

// Check implements [Checker].
func (s *storm) Check(ctx context.Context, e *Endpoint, h *Health) error {
	if rand.N(2) == 0 {
		return errAnswer
	}
	return slow(rand.N(2*h.Timeout))(ctx, 0)
}

func (s *storm) inspect() {
	state := s.group.State()
	if most := (4 + 8) * max(len(state.Endpoints), 1) * 3; state.Waiting > most {
		s.t.Errorf("%d sessions wait", state.Waiting)
	}
	s.group.lock()
	defer s.group.unlock()
	for _, m := range s.group.members {
		if most := 4 + 8; s.group.redundant() && len(s.settings) == 1 && m.queue.Len() > most {
			s.t.Errorf("%d in the queue of %s, want %d at most", m.queue.Len(), m.name, most)
		}
	}
	if g := s.group; g.redundant() && !g.active.healthy && g.other(g.active).healthy {
		s.t.Errorf("%s is active and unhealthy, %s is not", g.active.name, g.other(g.active).name)
	}
}

// wantCounted compares counters with what happened, where endpoints never went and took theirs along.
func (s *storm) wantCounted() {
	if len(s.settings) > 1 {
		return
	}
	var connected uint64
	for _, e := range s.group.State().Endpoints {
		connected += e.Connected
		if e.Sessions != 0 || e.Unwell > e.Checks {
			s.t.Errorf("state %+v", e)
		}
	}
	if served := s.served.Load(); connected != served || served == 0 {
		s.t.Errorf("%d connected, %d served", connected, served)
	}
}

// TestNobodyEscapesFailover: a session is at the new endpoint, or was cut, however close to the failover it came.
func TestNobodyEscapesFailover(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		s := pair()
		g := NewGroup("race", slog.New(slog.DiscardHandler), nil)
		g.Configure(usual(s))
		const n = 20
		var cut [n]atomic.Bool
		var uses [n]*Use
		var sessions sync.WaitGroup
		for i := range n {
			sessions.Go(func() {
				uses[i], _ = g.Connect(t.Context(), Session{Cut: func(policy.Reason) { cut[i].Store(true) }},
					func(context.Context, *Endpoint, time.Duration, sourceport.Turn) error {
						for range i {
							runtime.Gosched()
						}
						return nil
					})
			})
		}
		sessions.Go(func() { g.Failover() })
		sessions.Wait()
		for i, use := range uses {
			if use == nil || use.member.name == "A" && !cut[i].Load() {
				t.Fatalf("session %d: %+v, not cut", i, use)
			}
		}
	}
}

// BenchmarkConnect is what choosing costs a session when all is well.
func BenchmarkConnect(b *testing.B) {
	for _, bm := range []struct {
		name     string
		settings Settings
	}{
		{"sole", sole()},
		{"pair", pair()},
		{"least connections", parallel(LeastConnections)},
		{"source hash", parallel(SourceHash)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			g := NewGroup("fast", slog.New(slog.DiscardHandler), nil)
			g.Configure(usual(bm.settings))
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			s := Session{Client: clientOf(1), Cut: func(policy.Reason) {}}
			connect := func(context.Context, *Endpoint, time.Duration, sourceport.Turn) error { return nil }
			b.ReportAllocs()
			for b.Loop() {
				use, err := g.Connect(ctx, s, connect)
				if err != nil {
					b.Fatal(err)
				}
				use.Done(policy.EndOfStream)
			}
		})
	}
}
