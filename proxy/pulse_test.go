package proxy

import (
	"net"
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

// mortal is a busy socket whose peer answers until it dies.
type mortal time.Time

func (m mortal) unacknowledged(silence time.Duration) (inFlight, owed bool) {
	return true, time.Since(time.Time(m)) >= silence
}

// TestPulseInTime: whenever between two looks a peer dies, it is noticed within the time that was promised, and not before a good
// part of it has passed.
func TestPulseInTime(t *testing.T) {
	const deadPeer = 9 * time.Second
	for phase := range 10 {
		synctest.Test(t, func(t *testing.T) {
			died := make(chan Side, 1)
			lives := time.Duration(phase) * time.Second / 2
			p := &pulse{
				period: periodFor(deadPeer),
				ends:   [2]watched{{side: Client, socket: &vitals{}}, {side: Upstream, socket: mortal(time.Now().Add(lives))}},
				quiet:  func() {},
				dead:   func(side Side) { died <- side },
			}
			begun := time.Now()
			p.start()
			defer p.stop()
			<-died
			if took := time.Since(begun) - lives; took > deadPeer || took < deadPeer/2 {
				t.Errorf("a peer that died after %v was noticed %v later, want %v to %v", lives, took, deadPeer/2, deadPeer)
			}
		})
	}
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
				period: periodFor(deadPeer),
				ends:   [2]watched{{side: Client, socket: client}, {side: Upstream, socket: upstream}},
				quiet:  func() {},
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
			if side := <-died; side != Upstream || time.Since(start) != looks*periodFor(deadPeer) {
				t.Errorf("%s died after %s, want upstream after %s", side, time.Since(start), looks*periodFor(deadPeer))
			}
		})
	})
	t.Run("one answer is enough to live on", func(t *testing.T) {
		run(t, func(p *pulse, client, _ *vitals, died chan Side) {
			for range 5 {
				client.set(true, true)
				wait(2 * periodFor(deadPeer))
				client.set(true, false)
				wait(periodFor(deadPeer))
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
	t.Run("nobody is taken for dead without a limit", func(t *testing.T) {
		run(t, func(p *pulse, client, _ *vitals, _ chan Side) {
			p.dead = nil
			client.set(true, true)
			wait(time.Hour)
			client.set(false, false)
			wait(time.Hour)
			if !p.asleep.Load() {
				t.Error("it does not sleep when things have gone quiet")
			}
		})
	})
	t.Run("none", func(t *testing.T) {
		here, there := net.Pipe() // no sockets
		defer here.Close()
		defer there.Close()
		p := startPulse(&Limits{DeadPeerTimeout: time.Second}, plainEnd(Client, here), plainEnd(Upstream, there), nil, nil)
		if p != nil {
			t.Error("something is watched")
		}
		p.beat()
		p.stop()
	})
}
