package sourceport

import (
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// TestPauseOfAnotherTime: a pause that an inherited connection cut short does not end the next one.
func TestPauseOfAnotherTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		refuse := func() {
			k := &kernel{answers: map[uint16]error{1: errTaken}}
			if _, _, _, err := p.dial(t.Context(), request(1, 1, 0), 0, k.connect); policy.ReasonOf(err, "") != policy.SourceTaken {
				t.Error(err)
			}
		}
		refuse()
		time.Sleep(shortestPause / 2)
		p.Inherit([]Tuple{tuple(1)})
		p.Return(tuple(1))
		refuse()
		start := time.Now()
		mustDial(t, p, request(1, 1, time.Second), &kernel{})
		if waited := time.Since(start); waited != shortestPause {
			t.Errorf("free after %s, want %s", waited, shortestPause)
		}
	})
}

// TestFullQueueTakesBack: who had a port that did not work goes back to its place, however many have come since.
func TestFullQueueTakesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		k := &kernel{answers: map[uint16]error{1: errInUse}, takes: time.Millisecond}
		k.heal(20 * time.Millisecond)
		for range longestQueue + 1 {
			go func() {
				_, lease, _, err := p.dial(t.Context(), request(1, 1, time.Hour), 0, k.connect)
				if err != nil {
					t.Error(err)
					return
				}
				lease.Release()
			}()
		}
		synctest.Wait()
		if waiting := p.Stats()[0].Waiting; waiting != longestQueue {
			t.Errorf("%d wait while one tries its port, want %d", waiting, longestQueue)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
	})
}
