package proxy

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// vitals is a socket that says what a test wants.
type vitals struct {
	mu             sync.Mutex
	inFlight, owed bool
	looks          int
}

func (v *vitals) unacknowledged(time.Duration) (inFlight, owed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looks++
	return v.inFlight, v.owed
}

func (v *vitals) set(inFlight, owed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.inFlight, v.owed = inFlight, owed
}

func (v *vitals) seen() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.looks
}

func TestPulse(t *testing.T) {
	const deadPeer = 30 * time.Second
	run := func(t *testing.T, f func(p *pulse, client, upstream *vitals, died chan Side)) {
		synctest.Test(t, func(t *testing.T) {
			client, upstream := &vitals{}, &vitals{}
			died := make(chan Side, 1)
			p := &pulse{
				period: deadPeer / looks,
				ends:   [2]watched{{side: Client, socket: client}, {side: Upstream, socket: upstream}},
				dead:   func(side Side) { died <- side },
			}
			p.start()
			defer p.stop()
			f(p, client, upstream, died)
		})
	}
	wait := func(d time.Duration) { // advances the bubble's clock
		<-time.After(d)
		synctest.Wait()
	}
	t.Run("a peer that owes for the whole time is dead", func(t *testing.T) {
		run(t, func(p *pulse, _, upstream *vitals, died chan Side) {
			start := time.Now()
			upstream.set(true, true)
			if side := <-died; side != Upstream || time.Since(start) != deadPeer {
				t.Errorf("%s died after %s, want upstream after %s", side, time.Since(start), deadPeer)
			}
		})
	})
	t.Run("one answer is enough to live on", func(t *testing.T) {
		run(t, func(p *pulse, client, _ *vitals, died chan Side) {
			for range 5 {
				client.set(true, true)
				wait(2 * deadPeer / looks)
				client.set(true, false)
				wait(deadPeer / looks)
			}
			if len(died) > 0 {
				t.Error("declared dead in spite of its answers")
			}
		})
	})
	t.Run("a quiet session is not looked at, and a byte wakes it", func(t *testing.T) {
		run(t, func(p *pulse, client, _ *vitals, died chan Side) {
			wait(time.Minute)
			asleep := client.seen()
			wait(24 * time.Hour)
			if n := client.seen(); n != asleep {
				t.Errorf("%d looks at a quiet session", n-asleep)
			}
			client.set(true, true)
			p.beat()
			if side := <-died; side != Client {
				t.Errorf("%s died", side)
			}
		})
	})
	t.Run("nothing is looked at after stop", func(t *testing.T) {
		run(t, func(p *pulse, client, _ *vitals, died chan Side) {
			client.set(true, true)
			p.stop()
			p.beat()
			wait(time.Hour)
			if n := client.seen(); n > 0 || len(died) > 0 {
				t.Errorf("%d looks, %d deaths after stop", n, len(died))
			}
		})
	})
	t.Run("none", func(t *testing.T) {
		p := startPulse(0, nil, nil, nil)
		p.beat()
		p.stop()
	})
}
