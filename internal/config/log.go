package config

import (
	"log/slog"
)

// Log says how records are written and what they show.
type Log struct {
	Level         slog.Level
	Format        Format
	DefaultFilter Show
	Filter        []FilterRule // in file order; no attribute appears twice
}

// FilterRule is how one attribute is shown. Whether there is such an attribute
// is for the owner of their list to check.
type FilterRule struct {
	Attribute Located[string]
	Show      Located[Show]
}

// Format is the form of a log record.
type Format string

// The forms of a log record.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// Show is what is shown of an attribute.
type Show string

// What is shown of an attribute.
const (
	ShowCopy Show = "copy" // the value as it is
	ShowHide Show = "hide" // the attribute with a masked value
	ShowSkip Show = "skip" // nothing
)

func (c *checker) log(raw rawLog) Log {
	l := Log{
		Level:         level(choose(c, raw.Level, "debug", "info", "warn", "error").Value),
		Format:        choose(c, raw.Format, FormatText, FormatJSON).Value,
		DefaultFilter: c.show(raw.DefaultFilter).Value,
	}
	for _, pair := range raw.Filter {
		if !pair.Value.Set {
			c.report(pair.Value.Problem("empty", wordHint("", showWords())))
			continue
		}
		l.Filter = append(l.Filter, FilterRule{Attribute: pair.Name, Show: c.show(pair.Value)})
	}
	return l
}

func (c *checker) show(l Located[string]) Located[Show] {
	return choose(c, l, ShowCopy, ShowHide, ShowSkip)
}

func showWords() []string {
	return []string{string(ShowCopy), string(ShowHide), string(ShowSkip)}
}

// level reads a word that choose let through.
func level(word string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(word)); err != nil {
		return slog.LevelInfo // reported already
	}
	return l
}
