package report

import (
	"strconv"
	"strings"
)

// Figure says what a metric means and how it is written.
type Figure struct {
	Metric Metric
	Title  string
	Rated  bool    // it is of one unit of work, or of units in a second: the unit is part of its name
	More   bool    // more is better
	Zero   bool    // zero is a value; elsewhere it means that nothing was measured
	Plot   bool    // it is worth a plot of its own
	Aside  bool    // it says what went on meanwhile, and is neither good nor bad
	Scales []Scale // from large to small; the last takes what is left
}

// Scale is a unit that values are written in.
type Scale struct {
	From   float64 // the least value that is written so
	Size   float64 // of the unit
	Unit   string
	Digits int // behind the point
}

// Figures returns what there is to report, the most telling first. It is the one place where a metric gets its name and units.
func Figures() []Figure {
	return []Figure{
		{Metric: ProxyCPU, Title: "proxy CPU", Rated: true, Plot: true, Scales: times()},
		{Metric: Pss, Title: "memory", Rated: true, Plot: true, Scales: sizes()},
		{Metric: Peak, Title: "peak memory", Plot: true, Scales: sizes()},
		{Metric: Rate, Title: "rate", Rated: true, More: true, Scales: counts()},
		{Metric: P50, Title: "p50", Scales: times()},
		{Metric: P99, Title: "p99", Scales: times()},
		{Metric: Syscalls, Title: "system calls", Rated: true, Scales: counts()},
		{Metric: IdleCPU, Title: "idle CPU", Zero: true, Scales: percent()},
		{Metric: TotalCPU, Title: "CPU of all", Rated: true, Scales: times()},
		{Metric: StartRSS, Title: "at start", Scales: sizes()},
		{Metric: Binary, Title: "program file", Scales: sizes()},
		{Metric: P90, Title: "p90", Scales: times()},
		{Metric: P999, Title: "p99.9", Scales: times()},
		{Metric: Longest, Title: "longest", Scales: times()},
		{Metric: Flood, Title: "flood/s", Aside: true, Scales: counts()},
		{Metric: Reloads, Title: "reloads", Aside: true, Scales: counts()},
		{Metric: Noise, Title: "noise", Zero: true, Aside: true, Scales: percent()},
		{Metric: Load, Title: "load", Zero: true, Aside: true, Scales: counts()},
	}
}

// quantiles are the latencies from the usual to the rare.
func quantiles() []Metric { return []Metric{P50, P90, P99, P999, Longest} }

func times() []Scale {
	return []Scale{{.2, 1, "s", 2}, {.01, 1e-3, "ms", 1}, {2e-3, 1e-3, "ms", 2}, {20e-6, 1e-6, "µs", 0}, {0, 1e-6, "µs", 2}}
}

func sizes() []Scale {
	return []Scale{{1 << 30, 1 << 30, "GiB", 2}, {1 << 20, 1 << 20, "MiB", 1}, {0, 1 << 10, "KiB", 1}}
}

func counts() []Scale { return []Scale{{100, 1, "", 0}, {10, 1, "", 1}, {0, 1, "", 2}} }

func percent() []Scale { return []Scale{{0, .01, "%", 2}} }

// figure returns what is known of a metric; of an unknown one, as a newer bench may have written it, its name and plain numbers.
func figure(m Metric) Figure {
	for _, f := range Figures() {
		if f.Metric == m {
			return f
		}
	}
	return Figure{Metric: m, Title: string(m), Zero: true, Scales: counts()}
}

// scale returns the unit that suits a value and those beside it.
func (f Figure) scale(value float64) Scale {
	for _, s := range f.Scales {
		if value >= s.From {
			return s
		}
	}
	return f.Scales[len(f.Scales)-1]
}

// unit returns what one of the figure is called where work is counted in the unit of work.
func (f Figure) unit(s Scale, work string) string {
	switch {
	case !f.Rated || work == "":
		return s.Unit
	case f.Metric == Rate:
		return plural(work) + "/s"
	case f.Metric == Syscalls && work == "GiB":
		work = "MiB"
	}
	return s.Unit + "/" + work
}

func plural(work string) string {
	if work == "GiB" {
		return work
	}
	return work + "s"
}

// text writes a value with its unit.
func (f Figure) text(value float64, work string) string {
	s := f.scale(value)
	unit := f.unit(s, work)
	if unit == "" {
		return s.number(value)
	}
	if strings.HasPrefix(unit, "/") {
		return s.number(value) + unit
	}
	return s.number(value) + " " + unit
}

// number writes a value without the unit; thousands are set apart.
func (s Scale) number(value float64) string {
	text := strconv.FormatFloat(value/s.Size, 'f', s.Digits, 64)
	whole, _, _ := strings.Cut(text, ".")
	for at := len(whole) - 3; at > 0 && whole[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
