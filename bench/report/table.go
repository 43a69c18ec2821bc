package report

// table is what one workload comes to, for whatever shows it.
type table struct {
	workload Workload
	columns  []column // the first is the one that ratios are of
	rows     []row
}

// column is a figure that somebody has, in the unit that suits the base.
type column struct {
	Figure
	scale Scale
	unit  string
}

// row is a contestant.
type row struct {
	name  string
	peer  bool
	cells []Summary // one for each column; some unknown
	ratio Summary   // to the base
}

// table gathers the figures of a workload. Without rows, nothing was measured.
func (r *Run) table(w Workload) table {
	t := table{workload: w}
	names := r.contestants(w.Name)
	for _, f := range Figures() {
		if c, has := r.column(w, names, f); has {
			t.columns = append(t.columns, c)
		}
	}
	if len(t.columns) == 0 {
		return table{workload: w}
	}
	for _, name := range names {
		one := row{name: name, peer: w.isPeer(name), ratio: r.Ratio(w.Name, name, w.base(), t.columns[0].Metric)}
		known := false
		for _, c := range t.columns {
			s := r.Summary(w.Name, name, c.Metric)
			known = known || s.Known()
			one.cells = append(one.cells, s)
		}
		if known {
			t.rows = append(t.rows, one)
		}
	}
	return t
}

// column reports whether anybody has the figure. The base's own, or else the first one's, decides on the unit.
func (r *Run) column(w Workload, names []string, f Figure) (column, bool) {
	chosen := Summary{}
	for _, name := range names {
		s := r.Summary(w.Name, name, f.Metric)
		if s.Known() && (!chosen.Known() || name == w.base()) {
			chosen = s
		}
	}
	scale := f.scale(chosen.Median)
	return column{Figure: f, scale: scale, unit: f.unit(scale, w.Unit)}, chosen.Known()
}

// number writes a value in the column's unit, or "" for one that nobody measured.
func (c column) number(s Summary) string {
	if !s.Known() {
		return ""
	}
	return c.scale.number(s.Median)
}

// between writes from where to where the rounds went, or "" where there was only one.
func (c column) between(s Summary) string {
	if len(s.Rounds) < 2 {
		return ""
	}
	return c.scale.number(s.Min) + "–" + c.scale.number(s.Max)
}

// compared reports whether there is anybody to divide by the base.
func (t table) compared() bool {
	for _, row := range t.rows {
		if row.name != t.workload.base() && row.ratio.Known() {
			return true
		}
	}
	return false
}
