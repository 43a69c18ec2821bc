package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// CompareText writes a comparison for people. Without fancy it is plain ASCII.
func CompareText(w io.Writer, old *Run, c Comparison, fancy bool) error {
	var out strings.Builder
	fmt.Fprintf(&out, "\ncompared with: %s\n", old.Header.summary())
	if c.Drift.Known() {
		fmt.Fprintf(&out, "the CPU time of the other programs changed by %+.1f %% (median of %d): that is the machine and not sallyport\n",
			100*c.Drift.Median, len(c.Drift.Rounds))
	}
	var certainly, rest []Change
	for _, change := range c.Changes {
		if change.Certain {
			certainly = append(certainly, change)
		} else {
			rest = append(rest, change)
		}
	}
	for _, part := range []struct {
		title string
		worse bool
	}{{"worse beyond the noise", true}, {"better beyond the noise", false}} {
		fmt.Fprintf(&out, "%s:\n", part.title)
		some := false
		for _, change := range certainly {
			if change.Worse == part.worse {
				some = true
				change.text(&out)
			}
		}
		if !some {
			fmt.Fprint(&out, "  nothing\n")
		}
	}
	fmt.Fprintf(&out, "within the noise: %s\n", many(len(rest), "figure"))
	for _, change := range rest {
		change.text(&out)
	}
	for _, lost := range c.Lost {
		fmt.Fprintf(&out, "only in the old run: %s\n", lost)
	}
	fmt.Fprintln(&out, "p is how often chance alone makes as great a difference of the rounds; up to 0.05 is taken for a change")
	text := out.String()
	if !fancy {
		text = Plain(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

func (c Change) text(out *strings.Builder) {
	f := figure(c.Metric)
	from, to := f.text(c.Old.Median, c.Workload.Unit), f.text(c.New.Median, c.Workload.Unit)
	part := "from nothing"
	if !math.IsInf(c.Part, 0) {
		part = fmt.Sprintf("%+.1f %%", 100*c.Part)
	}
	fmt.Fprintf(out, "  %-44s %9s  %s, was %s (%s)\n", c.Name(), part, to, from, c.Why)
}

// Name says which figure it is: "resumed, sallyport, proxy CPU".
func (c Change) Name() string {
	return fmt.Sprintf("%s, %s, %s", c.Workload.Name, c.Contestant, figure(c.Metric).Title)
}
