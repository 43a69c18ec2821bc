package proxy

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestStormGivesWay: handshakes that follow one another without a gap do not keep an established session waiting
// for all of them. It is counted how many compute between bytes for the session and the session's having them.
func TestStormGivesWay(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const storm = 1000 // together far less than 10 ms, after which the scheduler would ask the poller anyway
	lane := NewLane(1, 1)
	near, far := sockets(t)
	established := plainEnd(Client, near)
	for range 10 {
		var computed, before atomic.Int64
		var work sync.WaitGroup
		work.Go(func() {
			c, _, err := established.receive()
			before.Store(computed.Load())
			if err != nil {
				t.Error(err)
				return
			}
			c.giveBack()
		})
		runtime.Gosched() // the session waits
		for range storm {
			work.Go(func() {
				if err := lane.enter(noDeadline); err != nil {
					t.Error(err)
				}
				if computed.Add(1) == 10 {
					far.Write([]byte("x"))
				}
				lane.leave()
			})
		}
		work.Wait()
		if n := before.Load(); n < 10 || n > 15 {
			t.Errorf("%d of %d handshakes went first, want 10 and a few", n, storm)
		}
	}
}
