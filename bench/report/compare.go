package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Change is what became of one figure from one run to another.
type Change struct {
	Workload   Workload
	Contestant string
	Metric     Metric
	Old, New   Summary
	Part       float64 // of the old median: .1 is a tenth more
	Worse      bool    // for whoever uses it
	Certain    bool    // more than the rounds of the same run differ among themselves
	Why        string  // it is held for certain, or is not
}

// Comparison is two runs side by side.
type Comparison struct {
	Changes []Change // those that are certain first, then the largest
	Lost    []string // what only the old run has, in words
	Drift   Summary  // the parts by which the processor time of peers changed, which are the same programs: the machine's own change
}

// few is the number of rounds below which a rank test cannot tell anything from chance; their ranges are compared instead.
const few = 4

// Compare holds a run against an older one.
func Compare(old, now *Run) Comparison {
	var c Comparison
	var drift []float64
	for _, w := range old.Header.Workloads {
		for _, name := range old.contestants(w.Name) {
			for _, f := range Figures() {
				before := old.Summary(w.Name, name, f.Metric)
				if f.Aside || !before.Known() {
					continue
				}
				after := now.Summary(w.Name, name, f.Metric)
				if !after.Known() {
					c.Lost = append(c.Lost, fmt.Sprintf("%s, %s, %s: %s", w.Name, name, f.Title, now.missing(w.Name, name)))
					continue
				}
				change := changed(f, before, after)
				change.Workload, change.Contestant = w, name
				c.Changes = append(c.Changes, change)
				if f.Metric == ProxyCPU && (w.isPeer(name) || name == Direct) {
					drift = append(drift, change.Part)
				}
			}
		}
	}
	c.Drift = summarise(drift)
	slices.SortStableFunc(c.Changes, func(a, b Change) int {
		return cmp.Or(-compareBool(a.Certain, b.Certain), -compareBool(a.Worse, b.Worse), -cmp.Compare(math.Abs(a.Part), math.Abs(b.Part)))
	})
	return c
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

func changed(f Figure, before, after Summary) Change {
	c := Change{Metric: f.Metric, Old: before, New: after}
	if before.Median != 0 {
		c.Part = after.Median/before.Median - 1
	} else if after.Median != 0 {
		c.Part = math.Inf(1)
	}
	c.Worse = (c.Part > 0) != f.More && c.Part != 0
	c.Certain, c.Why = certain(before, after)
	return c
}

// certain tells a change from the noise.
func certain(before, after Summary) (bool, string) {
	least := min(len(before.Rounds), len(after.Rounds))
	apart := before.Max < after.Min || after.Max < before.Min
	switch {
	case least < 3:
		return false, "too few rounds"
	case least < few && apart:
		return true, "ranges apart"
	case least < few:
		return false, "ranges overlap"
	}
	p := chance(before.Rounds, after.Rounds)
	return p <= .05, fmt.Sprintf("p = %.3f", p)
}

// Regressions are what certainly became worse for whoever uses the base, alone or with more to do, by more than a part.
func (c Comparison) Regressions(more float64) []Change {
	var all []Change
	for _, one := range c.Changes {
		ours := !one.Workload.isPeer(one.Contestant) && one.Contestant != Direct
		if ours && one.Certain && one.Worse && math.Abs(one.Part) > more {
			all = append(all, one)
		}
	}
	return all
}
