package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCrew: work never waits for somebody who is busy, and nobody is kept without work for long, nor more than as many as told.
func TestCrew(t *testing.T) {
	for name, tt := range map[string]struct{ keep, atOnce, kept int }{
		"all are kept":   {4, 3, 3},
		"some are kept":  {2, 3, 2},
		"none is kept":   {0, 3, 0},
		"less than none": {-1, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrew(tt.keep)
				for range 3 {
					hold, ran := make(chan struct{}), make(chan struct{}, tt.atOnce)
					for range tt.atOnce {
						c.do(func() { ran <- struct{}{}; <-hold })
					}
					synctest.Wait()
					wantSame(t, "under way at once", tt.atOnce, len(ran))
					close(hold)
					synctest.Wait()
					wantSame(t, "kept", tt.kept, len(c.kept))
				}
				time.Sleep(2 * crewPatience)
				synctest.Wait()
				wantSame(t, "kept without work", 0, len(c.kept))
			})
		})
	}
}

// TestCrewUsesWhomItKeeps: the next work is done by somebody who has done some.
func TestCrewUsesWhomItKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(1)
		c.do(func() {})
		synctest.Wait()
		taken := false
		select {
		case c.work <- func() { taken = true }:
		default:
		}
		synctest.Wait()
		if !taken {
			t.Error("nobody took the work")
		}
		time.Sleep(2 * crewPatience)
		synctest.Wait()
	})
}
