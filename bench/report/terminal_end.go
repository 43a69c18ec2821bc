package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// goalsText writes what was measured of the goals, and names the rest.
func (r *Run) goalsText(out *strings.Builder) {
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprint(out, "\ngoals\n")
	var reasons []string
	missing := make(map[string][]string)
	for _, v := range r.Verdicts() {
		if v.Outcome == Unmeasured {
			if missing[v.Why] == nil {
				reasons = append(reasons, v.Why)
			}
			missing[v.Why] = append(missing[v.Why], v.Title)
			continue
		}
		work := r.workload(v.Workload).Unit
		fmt.Fprintf(out, "  %s%-52s %-24s goal %s\n", v.Outcome.mark(), v.Title, v.Reached(work), v.Bound(work))
	}
	for _, why := range reasons {
		fmt.Fprintf(out, "  %snot measured (%s):\n", markUnmeasured, why)
		wrap(out, missing[why])
	}
}

// wrap writes a list over as many lines as it takes.
func wrap(out *strings.Builder, all []string) {
	const indent = "      "
	line := indent
	for i, one := range all {
		if i < len(all)-1 {
			one += "; "
		}
		if len(line)+len(one) > width && line != indent {
			fmt.Fprintln(out, strings.TrimRight(line, " "))
			line = indent
		}
		line += one
	}
	fmt.Fprintln(out, line)
}

// noiseText says how much the machine can be trusted.
func (r *Run) noiseText(out *strings.Builder) {
	if text := r.noise(); text != "" {
		fmt.Fprintf(out, "\n%s\n", text)
	}
}

// noise says in words how much others disturbed the run and how far rounds of the same work lie apart, as far as it was measured.
func (r *Run) noise() string {
	var all, spreads []float64
	for _, w := range r.Header.Workloads {
		for _, c := range r.contestants(w.Name) {
			all = append(all, r.Summary(w.Name, c, Noise).Rounds...)
			if s := r.Summary(w.Name, c, ProxyCPU); len(s.Rounds) > 1 {
				spreads = append(spreads, s.spread())
			}
		}
	}
	var known []string
	if others := summarise(all); others.Known() {
		known = append(known, fmt.Sprintf("others took %.1f %% of the proxy's processor (median of all turns; worst %.1f %%)", 100*others.Median, 100*others.Max))
	}
	if s := summarise(spreads); s.Known() {
		known = append(known, fmt.Sprintf("the rounds of one contestant's CPU lie %.1f %% apart (median; worst %.1f %%)", 100*s.Median, 100*s.Max))
	}
	if len(known) == 0 {
		return ""
	}
	return "noise: " + strings.Join(known, "; ")
}

// skippedText lists what was left out, those with the same reason together.
func (r *Run) skippedText(out *strings.Builder) {
	for _, s := range r.omissions() {
		fmt.Fprintf(out, "skipped: %s\n", s)
	}
}

// omissions are the skips in words, in their order, but for those that are failures.
func (r *Run) omissions() []string {
	type cause struct{ contestant, why string }
	var order []cause
	where := make(map[cause][]string)
	for _, s := range r.Skipped {
		if s.Failed {
			continue
		}
		c := cause{s.Contestant, s.Why}
		if where[c] == nil {
			order = append(order, c)
		}
		where[c] = append(where[c], s.Workload)
	}
	var all []string
	for _, c := range order {
		all = append(all, fmt.Sprintf("%s in %s: %s", c.contestant, strings.Join(where[c], ", "), c.why))
	}
	return all
}

// failuresText says loudly what went wrong: figures with it do not count.
func (r *Run) failuresText(out *strings.Builder) {
	all := r.failures()
	if len(all) == 0 {
		return
	}
	bar := strings.Repeat("!", 100)
	fmt.Fprintf(out, "\n%s\n!!! FAILURES. %s\n", bar, r.verdictOnFailures())
	for _, text := range all {
		fmt.Fprintf(out, "!!!   %s\n", text)
	}
	fmt.Fprintln(out, bar)
}

// failures are what went wrong, in words: contestants that did not come to the end, then one line for each turn and text.
func (r *Run) failures() []string {
	var all []string
	for _, s := range r.Skipped {
		if s.Failed {
			all = append(all, fmt.Sprintf("%s, %s: %s", s.Workload, s.Contestant, s.Why))
		}
	}
	for _, s := range r.Samples {
		for _, text := range slices.Sorted(maps.Keys(s.Failures)) {
			all = append(all, fmt.Sprintf("%s, %s, round %d: %s (%s)", s.Workload, s.Contestant, s.Round, text, many(s.Failures[text], "time")))
		}
	}
	return all
}

func (r *Run) verdictOnFailures() string {
	if r.Header.Target != "" {
		return "The figures are those of what went well."
	}
	return "What failed does not count:"
}
