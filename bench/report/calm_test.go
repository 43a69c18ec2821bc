package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// floodedRun is a run of a workload that disturbs, and of the calm one without stunnel.
func floodedRun() *Run {
	calm, flood := Workload{Name: "paced", Title: "left alone", Unit: "message"}, Workload{Name: "flood", Title: "in a flood", Unit: "message", Calm: "paced"}
	run := &Run{Header: Header{Workloads: []Workload{calm, flood}}}
	add := func(workload, contestant string, p99s ...float64) {
		for i, p99 := range p99s {
			run.Samples = append(run.Samples, Sample{Workload: workload, Contestant: contestant, Round: i + 1, Values: map[Metric]float64{P99: p99}})
		}
	}
	add("paced", "sallyport", 1e-3, 1.2e-3, 9e-3)
	add("paced", "haproxy", 1e-3)
	add("flood", "sallyport", 1.8e-3, 1.8e-3, 1.5e-3)
	add("flood", "haproxy", 25e-3)
	add("flood", "stunnel", 30e-3)
	return run
}

func TestDisturbance(t *testing.T) {
	run := floodedRun()
	want := disturbance{Calm: "paced", Each: []string{"sallyport 1,200 µs, 1,800 µs (1.50×)", "haproxy 1,000 µs, 25.0 ms (25.00×)"}}
	if diff := cmp.Diff(want, run.disturbance(run.Header.Workloads[1])); diff != "" {
		t.Errorf("flood (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(disturbance{}, run.disturbance(run.Header.Workloads[0])); diff != "" {
		t.Errorf("paced (-want +got):\n%s", diff)
	}
	only := *run
	only.Samples = run.Samples[4:]
	if diff := cmp.Diff(disturbance{}, only.disturbance(run.Header.Workloads[1])); diff != "" {
		t.Errorf("without paced (-want +got):\n%s", diff)
	}
}

func TestDisturbanceIsInEveryReport(t *testing.T) {
	run := floodedRun()
	var page strings.Builder
	if err := HTML(&page, run); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"terminal": {terminalText(t, run, true), "  p99 in paced, and here:\n      sallyport 1,200 µs, 1,800 µs (1.50×); haproxy 1,000 µs, 25.0 ms (25.00×)\n"},
		"Markdown": {Markdown(run), "\np99 in paced, and here: sallyport 1,200 µs, 1,800 µs (1.50×); haproxy 1,000 µs, 25.0 ms (25.00×).\n"},
		"page":     {page.String(), "<p>p99 in paced, and here: sallyport 1,200 µs, 1,800 µs (1.50×); haproxy 1,000 µs, 25.0 ms (25.00×).</p>"},
	} {
		if strings.Count(test.text, test.want) != 1 {
			t.Errorf("%s: want once %q in:\n%s", name, test.want, test.text)
		}
	}
}
