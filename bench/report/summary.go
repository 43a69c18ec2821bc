package report

import (
	"math"
	"slices"
	"strings"
)

// Summary is what the rounds of one figure come to. The zero value is that of a figure which nobody measured.
type Summary struct {
	Rounds           []float64 // in their order
	Median, Min, Max float64
}

func summarise(rounds []float64) Summary {
	if len(rounds) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(rounds))
	half := len(sorted) / 2
	median := sorted[half]
	if len(sorted)%2 == 0 {
		median = (sorted[half-1] + sorted[half]) / 2
	}
	return Summary{Rounds: rounds, Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}

// Known reports whether anything was measured.
func (s Summary) Known() bool { return len(s.Rounds) > 0 }

// spread is how far the rounds lie apart, as a part of the median.
func (s Summary) spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Max - s.Min) / s.Median
}

// counts reports whether a sample's figures may be used: work that failed cost something else. Of a port that is no contestant
// the figures of what went well are wanted all the same.
func (r *Run) counts(s Sample) bool { return !s.Spoiled() || r.Header.Target != "" }

// rounds returns the values of a figure by round.
func (r *Run) rounds(workload, contestant string, m Metric) map[int]float64 {
	values := make(map[int]float64)
	for _, s := range r.Samples {
		if s.Workload != workload || s.Contestant != contestant || !r.counts(s) {
			continue
		}
		if v, has := s.Values[m]; has && (v != 0 || figure(m).Zero) && !math.IsNaN(v) && !math.IsInf(v, 0) {
			values[s.Round] = v
		}
	}
	return values
}

// Summary returns what a contestant's rounds of a workload come to.
func (r *Run) Summary(workload, contestant string, m Metric) Summary {
	return summarise(inOrder(r.rounds(workload, contestant, m)))
}

// Ratio returns a contestant's figure as a part of another's, divided within each round, so that what disturbed the machine for
// a while disturbed both.
func (r *Run) Ratio(workload, contestant, to string, m Metric) Summary {
	ratios := r.rounds(workload, contestant, m)
	others := r.rounds(workload, to, m)
	for round, value := range ratios {
		if other := others[round]; other != 0 {
			ratios[round] = value / other
		} else {
			delete(ratios, round)
		}
	}
	return summarise(inOrder(ratios))
}

func inOrder(byRound map[int]float64) []float64 {
	keys := make([]int, 0, len(byRound))
	for round := range byRound {
		keys = append(keys, round)
	}
	slices.Sort(keys)
	values := make([]float64, 0, len(keys))
	for _, round := range keys {
		values = append(values, byRound[round])
	}
	return values
}

// contestants returns who did a workload, or should have, in the order of their turns.
func (r *Run) contestants(workload string) []string {
	var names []string
	note := func(of, name string) {
		if of == workload && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, s := range r.Samples {
		note(s.Workload, s.Contestant)
	}
	return names
}

// base is the contestant that the others of a workload are compared with.
func (w Workload) base() string {
	if w.Base != "" {
		return w.Base
	}
	return "sallyport"
}

// isPeer reports whether a contestant of a workload is another program, and not the base with something more to do.
func (w Workload) isPeer(contestant string) bool {
	return contestant != w.base() && contestant != Direct && !strings.HasPrefix(contestant, w.base()+" ")
}

// best returns the peer whose figure is the hardest to reach, or "" where none has one.
func (r *Run) best(w Workload, m Metric) string {
	name, best := "", 0.0
	for _, c := range r.contestants(w.Name) {
		s := r.Summary(w.Name, c, m)
		if !w.isPeer(c) || !s.Known() {
			continue
		}
		if name == "" || (s.Median < best) != figure(m).More {
			name, best = c, s.Median
		}
	}
	return name
}

// workload returns the workload of a name, or one of which only the name is known.
func (r *Run) workload(name string) Workload {
	for _, w := range r.Header.Workloads {
		if w.Name == name {
			return w
		}
	}
	return Workload{Name: name}
}
