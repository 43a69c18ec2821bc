package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var approximately = cmpopts.EquateApprox(1e-9, 0)

func TestSummarise(t *testing.T) {
	tests := map[string]struct {
		rounds []float64
		want   Summary
	}{
		"none": {nil, Summary{}},
		"one":  {[]float64{3}, Summary{[]float64{3}, 3, 3, 3}},
		"odd":  {[]float64{3, 1, 2}, Summary{[]float64{3, 1, 2}, 2, 1, 3}},
		"even": {[]float64{4, 1, 3, 2}, Summary{[]float64{4, 1, 3, 2}, 2.5, 1, 4}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, summarise(test.rounds)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRatioIsWithinRounds(t *testing.T) {
	run := &Run{}
	add := func(contestant string, round int, cpu float64) {
		run.Samples = append(run.Samples, Sample{Workload: "w", Contestant: contestant, Round: round, Values: map[Metric]float64{ProxyCPU: cpu}})
	}
	add("a", 1, 1)
	add("b", 1, 2)
	add("a", 2, 10) // the machine was disturbed in this round
	add("b", 2, 20)
	add("a", 3, 3)
	add("b", 3, 4)
	add("a", 4, 100) // b has no such round
	want := Summary{[]float64{.5, .5, .75}, .5, .5, .75}
	if diff := cmp.Diff(want, run.Ratio("w", "a", "b", ProxyCPU), approximately); diff != "" {
		t.Errorf("ratio (-want +got):\n%s", diff)
	}
}

func TestWhatCountsAsAFigure(t *testing.T) {
	sample := func(values map[Metric]float64, failures map[string]int) Sample {
		return Sample{Workload: "w", Contestant: "c", Round: 1, Values: values, Failures: failures}
	}
	tests := map[string]struct {
		sample Sample
		target string
		metric Metric
		want   bool
	}{
		"a value":                       {sample(map[Metric]float64{P50: 1}, nil), "", P50, true},
		"none":                          {sample(nil, nil), "", P50, false},
		"no latency can be zero":        {sample(map[Metric]float64{P50: 0}, nil), "", P50, false},
		"idle CPU can":                  {sample(map[Metric]float64{IdleCPU: 0}, nil), "", IdleCPU, true},
		"not a number":                  {sample(map[Metric]float64{P50: math.NaN()}, nil), "", P50, false},
		"infinite":                      {sample(map[Metric]float64{P50: math.Inf(1)}, nil), "", P50, false},
		"with failures":                 {sample(map[Metric]float64{P50: 1}, map[string]int{"x": 1}), "", P50, false},
		"with failures, of a target":    {sample(map[Metric]float64{P50: 1}, map[string]int{"x": 1}), "host:1", P50, true},
		"a metric that nobody knows":    {sample(map[Metric]float64{"new": 0}, nil), "", "new", true},
		"another metric of the samples": {sample(map[Metric]float64{P99: 1}, nil), "", P50, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			run := &Run{Header: Header{Target: test.target}, Samples: []Sample{test.sample}}
			if got := run.Summary("w", "c", test.metric).Known(); got != test.want {
				t.Errorf("known = %t, want %t", got, test.want)
			}
		})
	}
}

func TestBestPeer(t *testing.T) {
	run := exampleRun()
	w := run.workload("handshake-ecdsa")
	tests := map[string]struct {
		workload Workload
		metric   Metric
		want     string
	}{
		"least CPU, and direct is none":       {w, ProxyCPU, "haproxy"},
		"least latency":                       {w, P50, "nginx"},
		"greatest rate":                       {w, Rate, "haproxy"},
		"failed":                              {run.workload("bulk-down"), ProxyCPU, "haproxy"},
		"only ours":                           {run.workload("log"), ProxyCPU, ""},
		"a figure that nobody has":            {w, Pss, ""},
		"workload that is not in the header":  {run.workload("other"), ProxyCPU, ""},
		"a peer may be what others are at":    {Workload{Name: "handshake-ecdsa", Base: "haproxy"}, ProxyCPU, "sallyport"},
		"what is longer than base is no peer": {Workload{Name: "log", Base: "sallyport"}, ProxyCPU, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := run.best(test.workload, test.metric); got != test.want {
				t.Errorf("best = %q, want %q", got, test.want)
			}
		})
	}
}

func TestFigureText(t *testing.T) {
	tests := map[string]struct {
		metric Metric
		value  float64
		work   string
		want   string
	}{
		"short time":      {ProxyCPU, 4.25e-6, "message", "4.25 µs/message"},
		"time":            {ProxyCPU, 318.4e-6, "session", "318 µs/session"},
		"long time":       {ProxyCPU, 1.104, "GiB", "1.10 s/GiB"},
		"half a second":   {ProxyCPU, .496, "GiB", "0.50 s/GiB"},
		"latency":         {P99, 12.34e-3, "session", "12.3 ms"},
		"small latency":   {P99, 2.5e-3, "session", "2.50 ms"},
		"rate":            {Rate, 12345.6, "session", "12,346 sessions/s"},
		"small rate":      {Rate, .914, "GiB", "0.91 GiB/s"},
		"system calls":    {Syscalls, 33.96, "GiB", "34.0/MiB"},
		"of sessions":     {Syscalls, 29, "session", "29.0/session"},
		"memory":          {Pss, 26 << 10, "connection", "26.0 KiB/connection"},
		"much memory":     {Peak, 170 << 20, "connection", "170.0 MiB"},
		"part":            {IdleCPU, .0005, "connection", "0.05 %"},
		"unknown metric":  {"new", 1234567, "session", "1,234,567"},
		"no unit of work": {Rate, 5, "", "5.00"},
		"nothing":         {IdleCPU, 0, "", "0.00 %"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := figure(test.metric).text(test.value, test.work); got != test.want {
				t.Errorf("text = %q, want %q", got, test.want)
			}
		})
	}
}
