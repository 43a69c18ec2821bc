package main

import (
	"slices"
	"testing"

	"sallyport/bench/report"
)

// TestGoalsAreOfWhatIsMeasured finds goals that no run can ever tell of.
func TestGoalsAreOfWhatIsMeasured(t *testing.T) {
	for _, g := range goals() {
		at := slices.IndexFunc(workloads(), func(w workload) bool { return w.Name == g.Workload })
		if at < 0 {
			t.Errorf("%s: no workload %q", g.Title, g.Workload)
			continue
		}
		var names []string
		for _, v := range workloads()[at].variants {
			names = append(names, ours+" "+v.name)
		}
		peers := len(names) == 0
		if g.Contestant != ours && !slices.Contains(names, g.Contestant) {
			t.Errorf("%s: %q does not take part in %s", g.Title, g.Contestant, g.Workload)
		}
		if g.Against != "" && g.Against != ours && !peers {
			t.Errorf("%s: %s has no peers", g.Title, g.Workload)
		}
		if g.Metric == "" || g.AtMost <= 0 && g.AtLeast <= 0 {
			t.Errorf("%s: neither a figure nor a bound: %s, %g, %g", g.Title, g.Metric, g.AtMost, g.AtLeast)
		}
		if !slices.ContainsFunc(report.Figures(), func(f report.Figure) bool { return f.Metric == g.Metric }) {
			t.Errorf("%s: the reports do not know %s", g.Title, g.Metric)
		}
	}
}
