package document

import (
	"strings"
	"time"
)

const (
	dayForm    = "a day such as 2026-01-31"
	momentForm = "a time such as 2026-01-31T14:00:00Z"
)

// moment fills a time from a TOML date or date-time, in quotes or without. What
// names no zone is UTC.
func (d *decoder) moment(n *node, to *Located[time.Time], f field) {
	at(to, n)
	if n.kind == kindString && n.text == "" {
		to.Set = false
		return
	}
	wanted, parse := momentForm, parseMoment
	if f.day {
		wanted, parse = dayForm, parseDay
	}
	written := n.kind == kindString || n.kind == kindDate
	value, ok := parse(n.text)
	if !written || !ok {
		d.mistyped(n, wanted, momentHint(n, f))
		return
	}
	to.Value = value
}

func momentHint(n *node, f field) string {
	if value, ok := parseMoment(n.text); ok && f.day {
		return "days are those of UTC and have no time: " + value.Format(time.DateOnly)
	}
	if n.kind == kindArray || n.kind == kindTable {
		return ""
	}
	return "year, month and day, in this order"
}

func parseDay(text string) (time.Time, bool) {
	value, err := time.Parse(time.DateOnly, text)
	return value, err == nil
}

// parseMoment reads what RFC 3339 and TOML allow: a small t and z, a space
// instead of the T, no zone, no time.
func parseMoment(text string) (time.Time, bool) {
	text = strings.Replace(strings.ToUpper(text), " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if value, err := time.Parse(layout, text); err == nil {
			return value.UTC(), true
		}
	}
	return time.Time{}, false
}
