package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerdicts(t *testing.T) {
	run := exampleRun()
	want := []string{
		"full handshake: met, 0.937 × haproxy, ≤ 0.95 × best peer",
		"bulk: not met, 0.897 × haproxy, ≤ 0.80 × best peer",
		"system calls: not met, 36.7/MiB, ≤ 34.0/MiB",
		"idle memory: met, 25.5 KiB/connection, ≤ 26.0 KiB/connection",
		"idle CPU: met, 0.00 %, ≤ 0.05 %",
		"access log: met, 1.030 × sallyport, ≤ 1.05 × sallyport",
		"rate: not met, 1.067 × haproxy, ≥ 1.50 × haproxy",
		"mutual TLS: not measured, not part of this run, ≤ 1.00 × best peer",
		"against stunnel: not measured, stunnel: is not installed, ≤ 1.00 × stunnel",
	}
	var got []string
	for _, v := range run.Verdicts() {
		work := run.workload(v.Workload).Unit
		got = append(got, v.Title+": "+string(v.Outcome)+", "+v.Reached(work)+", "+v.Bound(work))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestVerdictOfFailure(t *testing.T) {
	run := exampleRun()
	run.Goals = []Goal{{Workload: "bulk-down", Contestant: "nginx", Metric: ProxyCPU, AtMost: 1}}
	if got := run.Verdicts()[0]; got.Outcome != Unmeasured || got.Why != "it failed" {
		t.Errorf("outcome = %s (%s), want that it failed", got.Outcome, got.Why)
	}
}
