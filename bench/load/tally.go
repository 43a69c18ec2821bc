package load

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts what a job does. All methods are safe for concurrent use.
type tally struct {
	mu        sync.Mutex
	units     float64
	latencies []time.Duration
	failures  map[string]int
	seen      map[string]int
}

func newTally() *tally {
	return &tally{failures: make(map[string]int), seen: make(map[string]int)}
}

// done counts a unit that took so long.
func (t *tally) done(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units++
	t.latencies = append(t.latencies, took)
}

// add counts units without a beginning and an end of their own.
func (t *tally) add(units float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units += units
}

// failed counts a failure.
func (t *tally) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures[err.Error()]++
}

// saw counts what a handshake agreed on.
func (t *tally) saw(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[what]++
}

// begin forgets the units of the preparation, not its failures.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units, t.latencies = 0, t.latencies[:0]
}

func (t *tally) result(wall time.Duration) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Result{
		Units:     t.units,
		Wall:      wall,
		Latencies: summarise(t.latencies),
		Failures:  maps.Clone(t.failures),
		Seen:      maps.Clone(t.seen),
	}
}

// Latencies are the quantiles of how long units took.
type Latencies struct {
	P50  time.Duration `json:"p50"`
	P90  time.Duration `json:"p90"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p999"`
	Max  time.Duration `json:"max"`
}

// summarise sorts all in place.
func summarise(all []time.Duration) Latencies {
	if len(all) == 0 {
		return Latencies{}
	}
	slices.Sort(all)
	at := func(q float64) time.Duration { return all[min(int(q*float64(len(all))), len(all)-1)] }
	return Latencies{P50: at(.5), P90: at(.9), P99: at(.99), P999: at(.999), Max: all[len(all)-1]}
}
