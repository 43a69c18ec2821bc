package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Parse(pageText))

// HTML writes the run as one page that needs nothing else: no script, no font, no picture from elsewhere. Its own
// content security policy forbids them.
func HTML(w io.Writer, run *Run) error {
	view := pageView{
		Style:     template.CSS(pageStyle),
		Policy:    "default-src 'none'; style-src '" + digest(pageStyle) + "'; base-uri 'none'; form-action 'none'",
		Summary:   run.Header.summary(),
		Machine:   run.Header.Machine.summary(),
		Header:    run.Header,
		Noise:     run.noise(),
		Failures:  run.failures(),
		Verdict:   run.verdictOnFailures(),
		Omissions: run.omissions(),
	}
	for _, v := range run.Verdicts() {
		work := run.workload(v.Workload).Unit
		view.Goals = append(view.Goals, goalView{v.Title, strings.TrimSpace(v.Outcome.mark()), v.Outcome, v.Reached(work), v.Bound(work)})
	}
	slices.SortStableFunc(view.Goals, func(a, b goalView) int { // what was measured first
		return compareBool(a.Outcome == Unmeasured, b.Outcome == Unmeasured)
	})
	for _, workload := range run.Header.Workloads {
		if t := run.table(workload); len(t.rows) > 0 {
			view.Workloads = append(view.Workloads, run.view(t))
		}
	}
	return page.Execute(w, view)
}

// digest names a style so that a content security policy lets it through.
func digest(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageView is what the page shows.
type pageView struct {
	Style            template.CSS
	Policy           string
	Summary, Machine string
	Header           Header
	Noise, Verdict   string
	Goals            []goalView
	Workloads        []workloadView
	Omissions        []string
	Failures         []string
}

type goalView struct {
	Title, Mark    string
	Outcome        Outcome
	Reached, Bound string
}

// Class is the outcome as the style knows it.
func (g goalView) Class() string { return strings.ReplaceAll(string(g.Outcome), " ", "-") }

type workloadView struct {
	Workload
	Plots     []barPlot
	Latencies *linePlot
	Columns   []columnView
	Rows      []rowView
	Seen      []string
	Disturbed disturbance
}

type columnView struct{ Title, Unit string }

type rowView struct {
	Name  string
	Ours  bool
	Cells []cellView
}

type cellView struct{ Median, Between string }

// view is a table with everything that there is.
func (r *Run) view(t table) workloadView {
	view := workloadView{Workload: t.workload, Plots: t.plots(), Latencies: r.latencies(t), Seen: r.agreed(t.workload.Name), Disturbed: r.disturbance(t.workload)}
	compared := t.compared()
	for i, c := range t.columns {
		view.Columns = append(view.Columns, columnView{c.Title, c.unit})
		if i == 0 && compared {
			view.Columns = append(view.Columns, columnView{Title: "ratio", Unit: "to " + t.workload.base()})
		}
	}
	for _, row := range t.rows {
		shown := rowView{Name: row.name, Ours: !row.peer && row.name != Direct}
		for i, c := range t.columns {
			shown.Cells = append(shown.Cells, cellView{c.number(row.cells[i]), c.between(row.cells[i])})
			if i == 0 && compared {
				shown.Cells = append(shown.Cells, ratioView(row.ratio))
			}
		}
		view.Rows = append(view.Rows, shown)
	}
	return view
}

func ratioView(s Summary) cellView {
	if !s.Known() {
		return cellView{}
	}
	c := cellView{Median: fmt.Sprintf("%.2f×", s.Median)}
	if len(s.Rounds) > 1 {
		c.Between = fmt.Sprintf("%.2f–%.2f", s.Min, s.Max)
	}
	return c
}

// agreed returns what the handshakes of a workload agreed on, whoever made them.
func (r *Run) agreed(workload string) []string {
	seen := make(map[string]bool)
	for _, s := range r.Samples {
		if s.Workload == workload {
			for what := range s.Seen {
				seen[what] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
