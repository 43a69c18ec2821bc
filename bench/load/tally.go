package load

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
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
	begun     int // handshakes of a flood
	failures  map[string]int
	seen      map[agreement]int
}

// agreement is what a handshake led to.
type agreement struct {
	version, cipher uint16
	group           tls.CurveID
	signer          x509.PublicKeyAlgorithm
	resumed         bool
}

func (a agreement) String() string {
	return fmt.Sprintf("%s %s %s %s resumed=%t", tls.VersionName(a.version), tls.CipherSuiteName(a.cipher), a.group, a.signer, a.resumed)
}

func newTally() *tally {
	return &tally{failures: make(map[string]int), seen: make(map[agreement]int)}
}

// done counts a unit for each latency.
func (t *tally) done(took ...time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units += float64(len(took))
	t.latencies = append(t.latencies, took...)
}

// add counts units without a beginning and an end of their own.
func (t *tally) add(units int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units += float64(units)
}

// flooded counts handshakes that were begun only.
func (t *tally) flooded(begun int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun += begun
}

// failed counts a failure.
func (t *tally) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures[err.Error()]++
}

// saw counts what a handshake agreed on.
func (t *tally) saw(what agreement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[what]++
}

// begin forgets the units of the preparation, not its failures.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.units, t.latencies, t.begun = 0, t.latencies[:0], 0
}

func (t *tally) result(wall time.Duration) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := make(map[string]int, len(t.seen))
	for what, times := range t.seen {
		seen[what.String()] = times
	}
	return Result{
		Units:     t.units,
		Wall:      wall,
		Latencies: summarise(t.latencies),
		Flood:     float64(t.begun) / wall.Seconds(),
		Failures:  maps.Clone(t.failures),
		Seen:      seen,
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
