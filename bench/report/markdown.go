package report

import (
	"errors"
	"fmt"
	"strings"
)

// The places of a document between which figures stand.
const (
	FiguresBegin = "<!-- figures -->"
	FiguresEnd   = "<!-- /figures -->"
)

// Fill replaces what stands between the two places of a document by the run's tables and goals.
func Fill(document string, run *Run) (string, error) {
	before, rest, hasBegin := strings.Cut(document, FiguresBegin)
	_, after, hasEnd := strings.Cut(rest, FiguresEnd)
	if !hasBegin || !hasEnd {
		return "", errors.New("no place for figures: want a line " + FiguresBegin + " and after it a line " + FiguresEnd)
	}
	return before + FiguresBegin + "\n" + Markdown(run) + "\n" + FiguresEnd + after, nil
}

// Markdown writes the run's tables and goals.
func Markdown(run *Run) string {
	var out strings.Builder
	h := run.Header
	fmt.Fprintf(&out, "\nFrom `%s` on %s (%s of %s): %s. Medians of the rounds, with the smallest and the largest round in brackets.\n",
		h.Command, h.Started.Format("2006-01-02"), many(h.Rounds, "round"), h.Time, h.Machine.summary())
	if h.Incomplete != "" {
		fmt.Fprintf(&out, "\n**Incomplete:** %s\n", h.Incomplete)
	}
	for _, w := range h.Workloads {
		run.table(w).markdown(&out)
		run.disturbance(w).markdown(&out)
	}
	run.goalsMarkdown(&out)
	if noise := run.noise(); noise != "" {
		fmt.Fprintf(&out, "\n%s.\n", capital(noise))
	}
	if all := run.omissions(); len(all) > 0 {
		fmt.Fprint(&out, "\nNot measured:\n\n")
		for _, one := range all {
			fmt.Fprintf(&out, "- %s\n", one)
		}
	}
	if all := run.failures(); len(all) > 0 {
		fmt.Fprintf(&out, "\n**Failures.** %s\n\n", run.verdictOnFailures())
		for _, one := range all {
			fmt.Fprintf(&out, "- %s\n", one)
		}
	}
	return out.String()
}

// markdownColumns is how many figures a page is wide.
const markdownColumns = 6

func (t table) markdown(out *strings.Builder) {
	if len(t.rows) == 0 {
		return
	}
	columns := t.columns[:min(len(t.columns), markdownColumns)]
	fmt.Fprintf(out, "\n### %s\n\n| |", capital(t.workload.Title))
	for i, c := range columns {
		fmt.Fprintf(out, " %s |", strings.TrimSuffix(c.Title+", "+c.unit, ", "))
		if i == 0 && t.compared() {
			fmt.Fprint(out, " ratio |")
		}
	}
	cells := len(columns)
	if t.compared() {
		cells++
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---:|", cells))
	for _, row := range t.rows {
		fmt.Fprintf(out, "| %s |", cell(row.name))
		for i, c := range columns {
			text := c.number(row.cells[i])
			if between := c.between(row.cells[i]); i == 0 && between != "" {
				text += " (" + between + ")"
			}
			fmt.Fprintf(out, " %s |", text)
			if i == 0 && t.compared() {
				fmt.Fprintf(out, " %s |", ratioView(row.ratio).Median)
			}
		}
		fmt.Fprintln(out)
	}
}

func (r *Run) goalsMarkdown(out *strings.Builder) {
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprint(out, "\n### Goals\n\n| goal | outcome | measured | wanted |\n|---|---|---|---|\n")
	for _, v := range r.Verdicts() {
		work := r.workload(v.Workload).Unit
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", cell(v.Title), v.Outcome, cell(v.Reached(work)), v.Bound(work))
	}
}

// cell keeps a text from ending a table's cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
