package main

import (
	"testing"
	"time"
)

const aDay = 24 * time.Hour

func TestParseNotice(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"14d": 14 * aDay, "0d": 0, "336h": 336 * time.Hour, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute, "0": 0, "36600d": 36600 * aDay,
	} {
		if got, err := parseNotice(text); err != nil || got != want {
			t.Errorf("parseNotice(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	const form = `; write days as "14d", or hours as "336h"`
	for text, want := range map[string]string{
		"":          `"" is no time` + form,
		"14":        `"14" is no time` + form,
		"d":         `"d" is no time` + form,
		"2w":        `"2w" is no time` + form,
		"1.5d":      `"1.5d" is no time` + form,
		"-1d":       `"-1d" is no time` + form,
		"14 d":      `"14 d" is no time` + form,
		"1d1d":      `"1d1d" is no time` + form,
		"1d-2h":     `"1d-2h" is in the past`,
		"-2h":       `"-2h" is in the past`,
		"36601d":    `"36601d" is longer than a hundred years`,
		"99999999h": `"99999999h" is no time` + form,
		"900000h":   `"900000h" is longer than a hundred years`,
	} {
		if _, err := parseNotice(text); err == nil || err.Error() != want {
			t.Errorf("parseNotice(%q): %v; want %s", text, err, want)
		}
	}
}

// Whatever a notice is, it is neither negative nor endless, and its own way to write itself is
// understood.
func FuzzParseNotice(f *testing.F) {
	for _, text := range []string{"14d", "336h", "1d12h", "d", "0d0s", "-1d", "1d-1h", "36600d878400h", "36600d2562047h", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n expiryNotice
		if err := n.Set(text); err != nil {
			return
		}
		if n.Duration < 0 || n.Duration > 36600*aDay {
			t.Errorf("%q is %v", text, n.Duration)
		}
		var again expiryNotice
		if err := again.Set(n.String()); err != nil || again != n {
			t.Errorf("%q is %v, but %q is %v, %v", text, n, n.String(), again, err)
		}
	})
}
