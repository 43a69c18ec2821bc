package report

import "fmt"

// Outcome is what became of a goal.
type Outcome string

const (
	Met        Outcome = "met"
	Missed     Outcome = "not met"
	Unmeasured Outcome = "not measured"
)

// Verdict is a goal held against a run.
type Verdict struct {
	Goal
	Outcome Outcome `json:"outcome"`
	Figure  float64 `json:"figure"`         // the ratio, or the figure itself, as the goal is one or the other
	Peer    string  `json:"peer,omitempty"` // the contestant it was held against
	Why     string  `json:"why,omitempty"`  // nothing was measured
}

// Verdicts judges every goal of the run.
func (r *Run) Verdicts() []Verdict {
	all := make([]Verdict, 0, len(r.Goals))
	for _, g := range r.Goals {
		all = append(all, r.judge(g))
	}
	return all
}

func (r *Run) judge(g Goal) Verdict {
	v := Verdict{Goal: g, Outcome: Unmeasured}
	w := r.workload(g.Workload)
	if v.Contestant == "" {
		v.Contestant = w.base()
	}
	s := r.Summary(w.Name, v.Contestant, g.Metric)
	if !s.Known() {
		v.Why = r.missing(w.Name, v.Contestant)
		return v
	}
	if g.Against != "" {
		v.Peer = g.Against
		if g.Against == BestPeer {
			v.Peer = r.best(w, g.Metric)
		}
		if s = r.Ratio(w.Name, v.Contestant, v.Peer, g.Metric); !s.Known() {
			v.Why = "no peer was measured beside it"
			if g.Against != BestPeer {
				v.Why = g.Against + ": " + r.missing(w.Name, g.Against)
			}
			return v
		}
	}
	v.Figure, v.Outcome = s.Median, Met
	if g.AtLeast > 0 && v.Figure < g.AtLeast || g.AtLeast == 0 && v.Figure > g.AtMost {
		v.Outcome = Missed
	}
	return v
}

// missing says why there is no figure.
func (r *Run) missing(workload, contestant string) string {
	for _, s := range r.Skipped {
		if s.Workload == workload && s.Contestant == contestant {
			return s.Why
		}
	}
	for _, s := range r.Samples {
		if s.Workload == workload && s.Contestant == contestant && !r.counts(s) {
			return "it failed"
		}
	}
	return "not part of this run"
}

// Bound says what the goal is: "≤ 0.95 × best peer", "≤ 26.0 KiB/connection".
func (v Verdict) Bound(work string) string {
	sign, limit := "≤", v.AtMost
	if v.AtLeast > 0 {
		sign, limit = "≥", v.AtLeast
	}
	if v.Against != "" {
		return fmt.Sprintf("%s %.2f × %s", sign, limit, v.Against)
	}
	return sign + " " + figure(v.Metric).text(limit, work)
}

// Reached says what was measured: "0.931 × haproxy", "24.3 KiB/connection".
func (v Verdict) Reached(work string) string {
	switch {
	case v.Outcome == Unmeasured:
		return v.Why
	case v.Peer != "":
		return fmt.Sprintf("%.3f × %s", v.Figure, v.Peer)
	default:
		return figure(v.Metric).text(v.Figure, work)
	}
}
