package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"sallyport/internal/config/document"
)

// shortestInterval keeps checks from being a load of their own.
const shortestInterval = 100 * time.Millisecond

// health validates active checks.
func (c *checker) health(raw *rawHealth) *Health {
	h := &Health{
		Interval: c.positive(raw.Interval),
		Timeout:  c.positive(raw.Timeout),
		Rise:     c.atLeast(raw.Rise, 1),
		Fall:     c.atLeast(raw.Fall, 1),
		Send:     raw.Send.Value,
		Expect:   c.expectation(raw.Expect),
		Pos:      raw.Pos,
	}
	switch {
	case h.Interval <= 0:
	case h.Interval < shortestInterval:
		c.report(raw.Interval.Problem(fmt.Sprintf("%s is too short", h.Interval), fmt.Sprintf("at least %q", shortestInterval)))
	case h.Timeout > h.Interval:
		at := raw.Timeout
		if !at.Set {
			at = raw.Interval
		}
		c.report(at.Warning(
			fmt.Sprintf("a check may take %s, which is longer than the interval of %s", h.Timeout, h.Interval),
			"the next check waits for the one before, so a server that hangs is noticed later"))
	}
	// '\r\n' in single quotes is four characters to TOML, and hardly ever meant.
	if strings.Contains(h.Send, `\r`) || strings.Contains(h.Send, `\n`) {
		c.report(raw.Send.Warning("a backslash and a letter are sent as they are, not as the end of a line",
			`escapes such as "\r\n" need double quotes`))
	}
	return h
}

// expectation compiles what an answer must match.
func (c *checker) expectation(raw Located[string]) *regexp.Regexp {
	if !raw.Set {
		return nil
	}
	expect, err := regexp.Compile(raw.Value)
	if err != nil {
		c.report(raw.Problem(
			strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is that of https://go.dev/s/re2syntax"))
		return nil
	}
	if expect.MatchString("") {
		c.report(raw.Problem("matches an empty answer, so a server that says nothing would be well",
			"name something that the answer has, or leave expect out"))
	}
	return expect
}

// defaultHealth returns what the schema has for every key.
func defaultHealth() Health {
	var raw struct {
		Health rawHealth `toml:"health"`
	}
	nothing, _ := document.Parse("", nil)
	nothing.Decode(&raw)
	return Health{
		Interval: raw.Health.Interval.Value,
		Timeout:  raw.Health.Timeout.Value,
		Rise:     int(raw.Health.Rise.Value),
		Fall:     int(raw.Health.Fall.Value),
	}
}
