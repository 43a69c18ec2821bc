package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// width is how many columns of a terminal are used.
const width = 120

// Text writes the run for people: the tables, the goals, the noise, and what is missing. Without fancy it is plain ASCII.
func Text(w io.Writer, run *Run, fancy bool) error {
	var out strings.Builder
	run.heading(&out)
	for _, workload := range run.Header.Workloads {
		run.table(workload).text(&out)
		run.disturbance(workload).text(&out)
	}
	run.goalsText(&out)
	run.noiseText(&out)
	run.skippedText(&out)
	run.failuresText(&out)
	text := out.String()
	if !fancy {
		text = Plain(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// Plain turns what the reports are written in into ASCII, in the same width where columns depend on it.
func Plain(text string) string {
	return strings.NewReplacer(markMet, "ok", markMissed, "NO", markUnmeasured, "--", "µ", "u", "–", "-", "×", "x", "≤", "<=", "≥", ">=").Replace(text)
}

// The marks are two columns wide, as what [Plain] makes of them.
const (
	markMet        = "✓ "
	markMissed     = "✗ "
	markUnmeasured = "· "
)

func (o Outcome) mark() string {
	switch o {
	case Met:
		return markMet
	case Missed:
		return markMissed
	default:
		return markUnmeasured
	}
}

func (r *Run) heading(out *strings.Builder) {
	h := r.Header
	fmt.Fprintf(out, "%s\n", h.summary())
	fmt.Fprintf(out, "%s\n", h.Machine.summary())
	fmt.Fprintf(out, "the same again: %s\n", h.Command)
	if h.Incomplete != "" {
		fmt.Fprintf(out, "INCOMPLETE: %s\n", h.Incomplete)
	}
}

// summary says what was done in a line.
func (h Header) summary() string {
	what := "side by side"
	if h.Target != "" {
		what = "load on " + h.Target
	}
	return fmt.Sprintf("%s, %s, %s of %s", what, h.Started.Format("2006-01-02 15:04"), many(h.Rounds, "round"), h.Time)
}

func (m Machine) summary() string {
	text := fmt.Sprintf("%s, %s, %s, %s", m.Processor, many(m.CPUs, "processor"), m.Kernel, m.Go)
	if m.ProxyCPU >= 0 && m.ProxyCPU != m.LoadCPU {
		text += fmt.Sprintf("; proxies on processor %d, load and backend on %d", m.ProxyCPU, m.LoadCPU)
	}
	return text
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// text writes a table that is no wider than a terminal: the least telling columns are left to the other reports.
func (t table) text(out *strings.Builder) {
	if len(t.rows) == 0 {
		return
	}
	title := t.workload.Name + ": " + t.workload.Title
	fmt.Fprintf(out, "\n%s\n", title)
	grid := []strip{t.names()}
	used := grid[0].width()
	for i, c := range t.columns {
		strips := []strip{t.strip(i, c)}
		if i == 0 {
			if ranges := t.ranges(c); slices.ContainsFunc(ranges[2:], func(s string) bool { return s != "" }) {
				strips = append(strips, ranges)
			}
			if t.compared() {
				strips = append(strips, t.ratios())
			}
		}
		wide := 0
		for _, s := range strips {
			wide += s.width() + gap
		}
		if used+wide > width {
			break
		}
		used += wide
		grid = append(grid, strips...)
	}
	for line := range len(t.rows) + 2 {
		var text strings.Builder
		for i, s := range grid {
			text.WriteString(s.padded(line, i > 0))
		}
		fmt.Fprintln(out, strings.TrimRight(text.String(), " "))
	}
}

// gap is what lies between columns.
const gap = 2

// strip is a column as text: its title, its unit, and a line for each row.
type strip []string

func (s strip) width() int {
	longest := slices.MaxFunc(s, func(a, b string) int { return utf8.RuneCountInString(a) - utf8.RuneCountInString(b) })
	return utf8.RuneCountInString(longest)
}

// padded returns a line at the strip's width, to the right if it holds numbers.
func (s strip) padded(line int, number bool) string {
	space := strings.Repeat(" ", s.width()-utf8.RuneCountInString(s[line]))
	if number {
		return strings.Repeat(" ", gap) + space + s[line]
	}
	return s[line] + space
}

func (t table) names() strip {
	s := strip{"", ""}
	for _, row := range t.rows {
		s = append(s, "  "+row.name)
	}
	return s
}

func (t table) strip(i int, c column) strip {
	s := strip{c.Title, c.unit}
	for _, row := range t.rows {
		s = append(s, c.number(row.cells[i]))
	}
	return s
}

func (t table) ranges(c column) strip {
	s := strip{"min–max", ""}
	for _, row := range t.rows {
		s = append(s, c.between(row.cells[0]))
	}
	return s
}

func (t table) ratios() strip {
	s := strip{"ratio", ""}
	for _, row := range t.rows {
		text := ""
		if row.ratio.Known() {
			text = fmt.Sprintf("%.2f×", row.ratio.Median)
		}
		s = append(s, text)
	}
	return s
}
