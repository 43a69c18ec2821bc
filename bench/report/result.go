// Package report turns samples into figures that can be compared, and shows them: on the terminal, as JSON lines, as a page.
package report

import "time"

// Run is everything that one run of the bench found.
type Run struct {
	Header  Header
	Samples []Sample
	Skipped []Skip
	Goals   []Goal // that this run can tell of, or should have
}

// Header says what was measured, on what, and when.
type Header struct {
	Started   time.Time         `json:"started"`
	Ended     time.Time         `json:"ended,omitzero"`
	Rounds    int               `json:"rounds"`
	Time      time.Duration     `json:"time"`    // of each measurement
	Command   string            `json:"command"` // that makes such a run again
	Machine   Machine           `json:"machine"`
	Subjects  map[string]string `json:"subjects"` // versions by name
	Workloads []Workload        `json:"workloads"`

	Target     string `json:"target,omitempty"`     // the one port that was loaded, in place of a contest
	Incomplete string `json:"incomplete,omitempty"` // why the run ended early; empty: it did not
	Sessions   int    `json:"sessions,omitempty"`   // at once that descriptors allow; workloads with more were made smaller
}

// Machine is where the run took place.
type Machine struct {
	Processor string `json:"processor"`
	CPUs      int    `json:"cpus"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	ProxyCPU  int    `json:"proxy_cpu"` // that proxies were pinned to; negative: none
	LoadCPU   int    `json:"load_cpu"`
}

// Workload is what the contestants do, in the order of the report.
type Workload struct {
	Name  string `json:"name"`           // "handshake-ecdsa"
	Title string `json:"title"`          // a line for people
	Unit  string `json:"unit"`           // of work: "session", "message", "GiB", "connection"
	Base  string `json:"base"`           // the contestant that others are compared with: "sallyport"
	Calm  string `json:"calm,omitempty"` // the workload that is the same without what disturbs this one
}

// Sample is what one contestant did in one round of a workload.
type Sample struct {
	Workload   string             `json:"workload"`
	Contestant string             `json:"contestant"`
	Round      int                `json:"round"` // from 1; 0: an extra turn, in which only system calls are counted
	Values     map[Metric]float64 `json:"values"`
	Calls      map[string]float64 `json:"calls,omitempty"` // system calls for a unit by name; see Syscalls
	Seen       map[string]int     `json:"seen,omitempty"`  // what handshakes agreed on
	Failures   map[string]int     `json:"failures,omitempty"`
}

// Spoiled reports whether the load met failures, so that the values tell less than they should.
func (s Sample) Spoiled() bool { return len(s.Failures) > 0 }

// Skip is what was not measured, or not to its end, and why.
type Skip struct {
	Workload   string `json:"workload"`
	Contestant string `json:"contestant"`
	Why        string `json:"why"`
	Failed     bool   `json:"failed,omitempty"` // it was begun and went wrong
}

// Metric is the key of a figure; [Metrics] says what it means.
type Metric string

const (
	ProxyCPU Metric = "proxy_cpu" // seconds of processor time of the proxy for a unit
	TotalCPU Metric = "total_cpu" // the same with the load's and the backend's
	Rate     Metric = "rate"      // units in a second
	P50      Metric = "p50"       // seconds that a unit took
	P90      Metric = "p90"
	P99      Metric = "p99"
	P999     Metric = "p999"
	Longest  Metric = "max"
	Pss      Metric = "pss"       // bytes for a connection, without those at start
	StartRSS Metric = "start_rss" // bytes at start
	Peak     Metric = "peak"      // bytes, the largest resident set
	IdleCPU  Metric = "idle_cpu"  // of one processor, 1 is all of it
	Syscalls Metric = "syscalls"  // for a unit; MiB where the unit is GiB
	Binary   Metric = "binary"    // bytes, the program's file
	Reloads  Metric = "reloads"   // that the proxy began during the measurement
	Flood    Metric = "flood"     // handshakes that were begun in a second beside the work
	Noise    Metric = "noise"     // seconds of processor time that others took from the proxy's processor, in a second
	Load     Metric = "load"      // average of the machine before the measurement
)

// Goal is something to be reached: a figure of sallyport held against the best peer's, one peer's, or a number.
type Goal struct {
	Title      string  `json:"title"`
	Workload   string  `json:"workload"`
	Contestant string  `json:"contestant"`
	Metric     Metric  `json:"metric"`
	AtMost     float64 `json:"at_most,omitempty"`  // a factor of Against, or the figure itself
	AtLeast    float64 `json:"at_least,omitempty"` // likewise
	Against    string  `json:"against,omitempty"`  // "best peer", or a contestant; empty: a number
}

// Direct is the contestant without a proxy: a line to hold the others against, and never a peer.
const Direct = "direct"

// BestPeer is the peer whose figure is the hardest to reach.
const BestPeer = "best peer"
