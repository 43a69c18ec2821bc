package report

import (
	"fmt"
	"strings"
)

// disturbance says who suffers how much from what a workload adds to its calm one. The zero value is that of a workload without one, and of a
// run that has only one of them.
type disturbance struct {
	Calm string   // name of the other workload
	Each []string // contestant, with its latencies in both: "sallyport 1.20 ms, 1.50 ms (1.25×)"
}

// disturbance holds the rare latencies of a workload against those of the same contestant in the calm one. The two were measured one
// after the other and not in the same rounds, so the medians are divided.
func (r *Run) disturbance(w Workload) disturbance {
	if w.Calm == "" {
		return disturbance{}
	}
	d := disturbance{Calm: w.Calm}
	f := figure(P99)
	for _, name := range r.contestants(w.Name) {
		before, now := r.Summary(w.Calm, name, P99), r.Summary(w.Name, name, P99)
		if before.Known() && now.Known() {
			d.Each = append(d.Each, fmt.Sprintf("%s %s, %s (%.2f×)", name, f.text(before.Median, ""), f.text(now.Median, ""), now.Median/before.Median))
		}
	}
	if len(d.Each) == 0 {
		return disturbance{}
	}
	return d
}

// Title says what the latencies of each contestant are.
func (d disturbance) Title() string { return "p99 in " + d.Calm + ", and here" }

func (d disturbance) text(out *strings.Builder) {
	if len(d.Each) > 0 {
		fmt.Fprintf(out, "  %s:\n", d.Title())
		wrap(out, d.Each)
	}
}

func (d disturbance) markdown(out *strings.Builder) {
	if len(d.Each) > 0 {
		fmt.Fprintf(out, "\n%s: %s.\n", d.Title(), strings.Join(d.Each, "; "))
	}
}
