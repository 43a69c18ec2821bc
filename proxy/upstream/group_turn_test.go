package upstream

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// portAfter is an attempt that waits for a source port for a while, and then takes its time to connect.
func portAfter(wait, dial time.Duration) Connect {
	return func(ctx context.Context, _ *Endpoint, _ time.Duration, turn sourceport.Turn) error {
		turn.Yield()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := turn.Take(); err != nil {
			return err
		}
		<-time.After(dial)
		return ctx.Err()
	}
}

// directly is an attempt that has its port at once.
func directly(dial time.Duration) Connect {
	return func(ctx context.Context, _ *Endpoint, _ time.Duration, turn sourceport.Turn) error {
		if err := turn.Take(); err != nil {
			return err
		}
		<-time.After(dial)
		return ctx.Err()
	}
}

// TestTurn: who waits for a source port keeps nobody from connecting, and loses no place by it.
func TestTurn(t *testing.T) {
	const second = time.Second
	tests := []struct {
		name     string
		attempts []Connect // one for each session, in the order in which they come
		took     []time.Duration
		reasons  []policy.Reason // empty: connected
	}{
		{
			"waiting for a port takes no place, and may last longer than the dial timeout",
			[]Connect{portAfter(20*second, 0), portAfter(21*second, 0), directly(second), directly(second)},
			[]time.Duration{20 * second, 21 * second, second, 2 * second},
			[]policy.Reason{"", "", "", ""},
		}, {
			"who gets a port is next, before those who came later",
			[]Connect{portAfter(second, second), directly(2 * second), directly(second)},
			[]time.Duration{3 * second, 2 * second, 4 * second},
			[]policy.Reason{"", "", ""},
		}, {
			"no more at once than may be, whoever has a port",
			[]Connect{portAfter(second, second), portAfter(1100*time.Millisecond, second), portAfter(1200*time.Millisecond, second)},
			[]time.Duration{2 * second, 3 * second, 4 * second},
			[]policy.Reason{"", "", ""},
		}, {
			"a port without a place is of no use for longer than the dial timeout",
			[]Connect{portAfter(second, 0), directly(8 * second)},
			[]time.Duration{6 * second, 8 * second},
			[]policy.Reason{policy.UpstreamTimeout, ""},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sole()
			s.MaxDials, s.Queue = 1, 8
			inWorld(t, s, func(w *world) {
				begun := time.Now()
				took, reasons := make([]time.Duration, len(tt.attempts)), make([]policy.Reason, len(tt.attempts))
				for i, connect := range tt.attempts {
					go func() {
						_, err := w.group.Connect(w.ctx, Session{}, connect)
						took[i], reasons[i] = time.Since(begun), policy.ReasonOf(err, "")
					}()
					synctest.Wait()
				}
				w.pass(time.Minute)
				for i := range tt.attempts {
					if took[i] != tt.took[i] || reasons[i] != tt.reasons[i] {
						t.Errorf("session %d: %q after %v, want %q after %v", i, reasons[i], took[i], tt.reasons[i], tt.took[i])
					}
				}
				w.wantHealthy(true)
			})
		})
	}
}
