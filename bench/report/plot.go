package report

import (
	"fmt"
	"math"
	"slices"
)

// The plots are SVG whose horizontal places are percentages and whose heights are pixels: they fit any width, and their
// text keeps its size.

// barPlot shows one figure of a workload: a bar to the median, whiskers over the range, a dot for each round.
type barPlot struct {
	Title  string
	Height int
	Bars   []bar
}

// bar is one contestant's. Vertical places are of the label's line and the middle of the bar.
type bar struct {
	Name, Text  string
	Ours        bool
	Label, Mid  int
	Top, Thick  int
	Length      percentage
	Least, Most percentage
	Dots        []percentage
}

// percentage is a place within the width.
type percentage float64

func (p percentage) String() string { return fmt.Sprintf("%.2f%%", float64(p)) }

const (
	barLine  = 44 // height of a bar with its label
	barThick = 14
)

// plots returns the bar plots of a table.
func (t table) plots() []barPlot {
	var all []barPlot
	for i, c := range t.columns {
		if i == 0 || c.Plot {
			all = append(all, t.plot(i, c))
		}
	}
	return all
}

func (t table) plot(at int, c column) barPlot {
	p := barPlot{Title: c.Title}
	if c.unit != "" {
		p.Title += ", " + c.unit
	}
	largest := 0.0
	for _, row := range t.rows {
		largest = max(largest, row.cells[at].Max)
	}
	for _, row := range t.rows {
		s := row.cells[at]
		if !s.Known() {
			continue
		}
		top := p.Height
		b := bar{Name: row.name, Ours: !row.peer && row.name != Direct, Label: top + 14, Top: top + 21, Thick: barThick, Mid: top + 21 + barThick/2}
		b.Text = c.number(s)
		if between := c.between(s); between != "" {
			b.Text += " (" + between + ")"
		}
		place := func(v float64) percentage { return percentage(98 * v / max(largest, math.SmallestNonzeroFloat64)) }
		b.Length, b.Least, b.Most = place(s.Median), place(s.Min), place(s.Max)
		for _, v := range s.Rounds {
			b.Dots = append(b.Dots, place(v))
		}
		p.Bars = append(p.Bars, b)
		p.Height += barLine
	}
	return p
}

// linePlot shows latencies by quantile, on a logarithmic scale.
type linePlot struct {
	Height  int
	Columns []tick // quantiles
	Lines   []line // levels to read values from
	Curves  []curve
}

type tick struct {
	At   percentage
	Text string
}

type line struct {
	Y    int
	Text string
}

// curve is one contestant's; Kind picks its colour and shape.
type curve struct {
	Name   string
	Kind   int
	Pieces []piece
	Points []point
}

type piece struct {
	X1, X2 percentage
	Y1, Y2 int
}

type point struct {
	X percentage
	Y int
}

const (
	lineHeight = 220
	lineTop    = 12
	kinds      = 7 // of curves that the page tells apart
)

// latencies returns the plot of a table with latencies, or nil.
func (r *Run) latencies(t table) *linePlot {
	least, most := math.Inf(1), 0.0
	for _, row := range t.rows {
		for _, m := range quantiles() {
			if s := r.Summary(t.workload.Name, row.name, m); s.Known() {
				least, most = min(least, s.Median), max(most, s.Median)
			}
		}
	}
	if most == 0 {
		return nil
	}
	from, to := math.Floor(2*math.Log10(least))/2, math.Ceil(2*math.Log10(most))/2
	if from == to {
		to += .5
	}
	height := func(v float64) int {
		return lineTop + int(math.Round(lineHeight*(to-math.Log10(v))/(to-from)))
	}
	p := &linePlot{Height: lineTop + lineHeight + 24, Lines: levels(from, to, height)}
	across := func(i int) percentage { return percentage(16 + 20*float64(i)) }
	for i, m := range quantiles() {
		p.Columns = append(p.Columns, tick{across(i), figure(m).Title})
	}
	for at, row := range t.rows {
		c := curve{Name: row.name, Kind: r.kind(t, at)}
		for i, m := range quantiles() {
			s := r.Summary(t.workload.Name, row.name, m)
			if !s.Known() {
				continue
			}
			next := point{across(i), height(s.Median)}
			if n := len(c.Points); n > 0 {
				c.Pieces = append(c.Pieces, piece{c.Points[n-1].X, next.X, c.Points[n-1].Y, next.Y})
			}
			c.Points = append(c.Points, next)
		}
		if len(c.Points) > 0 {
			p.Curves = append(p.Curves, c)
		}
	}
	return p
}

// kind gives the same program the same look in all workloads; the base with something more to do has no peers beside it, and is
// told apart by its place.
func (r *Run) kind(t table, at int) int {
	name := t.rows[at].name
	if !t.rows[at].peer && name != Direct {
		return at % kinds
	}
	var programs []string
	for _, w := range r.Header.Workloads {
		for _, c := range r.contestants(w.Name) {
			if (w.isPeer(c) || c == Direct) && !slices.Contains(programs, c) {
				programs = append(programs, c)
			}
		}
	}
	return 1 + slices.Index(programs, name)%(kinds-1)
}

// levels are at every power of ten, and at half a one where there are few.
func levels(from, to float64, height func(float64) int) []line {
	var all []line
	for power := math.Ceil(from); power <= to; power++ {
		for _, times := range []float64{1, 3} {
			if v := times * math.Pow(10, power); v <= math.Pow(10, to)*1.01 && (times == 1 || to-from < 3) {
				all = append(all, line{height(v), round(v)})
			}
		}
	}
	return all
}

// round writes a duration of few digits.
func round(seconds float64) string {
	switch {
	case seconds >= .999:
		return fmt.Sprintf("%.3g s", seconds)
	case seconds >= .999e-3:
		return fmt.Sprintf("%.3g ms", 1e3*seconds)
	default:
		return fmt.Sprintf("%.3g µs", 1e6*seconds)
	}
}
