package document

import (
	"bytes"
	"regexp"
	"strings"
)

// The usual slips of somebody who has written other configuration languages.
var (
	assignment  = regexp.MustCompile(`^\s*([A-Za-z0-9_.-]+)\s*=\s*(.*?)\s*(?:#.*)?$`)
	colonAssign = regexp.MustCompile(`^\s*[A-Za-z0-9_.-]+\s*:\s`)
	number      = regexp.MustCompile(`^[+-]?[0-9][0-9_.]*$`)
	date        = regexp.MustCompile(`^[0-9]{4}-[0-9]+-[0-9]+`)
)

const dayHint = "a day is a year, a month and a day of it, such as 2026-01-31"

// grammarHint guesses from a line that is not TOML what was meant. Where it is
// sure, its message says more than the parser's; both may be empty.
func grammarHint(line []byte) (message, hint string) {
	if bytes.ContainsRune(line, '\r') {
		return "", "lines end with LF or CRLF, not with a carriage return alone"
	}
	if colonAssign.Match(line) {
		return "", `keys and values are joined by "=", not ":"`
	}
	m := assignment.FindSubmatch(line)
	if m == nil {
		return "", ""
	}
	key, value := string(m[1]), string(m[2])
	switch {
	case value == "":
		return "the key has no value", `a text may be empty: ` + key + ` = ""`
	case strings.HasPrefix(value, `"`) && bytes.ContainsRune(line, '\\'):
		return "", `inside double quotes a backslash starts an escape; write the text in single quotes: '...\...'`
	case strings.HasPrefix(value, `"`) && strings.Count(value, `"`) == 1:
		return "", "the closing quote is missing"
	case strings.ContainsAny(value[:1], `"'[{`), number.MatchString(value):
		return "", ""
	case date.MatchString(value):
		return "", dayHint
	}
	switch strings.ToLower(value) {
	case "true", "yes", "on":
		return "", "write " + key + " = true"
	case "false", "no", "off":
		return "", "write " + key + " = false"
	}
	return "text without quotes", "text, addresses and durations stand in quotes: " + key + ` = "` + value + `"`
}
