package suggest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// How many bytes of a text from the log are shown.
const (
	shortText = 64
	longText  = 256
)

// quoted returns text as a basic string of TOML, on one line, cut to at most most bytes. Whatever could
// hide or reorder what is beside it is escaped, so it is fit for comments and terminals as well.
func quoted(text string, most int) string {
	isCut := len(text) > most
	if isCut {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	b.WriteByte('"')
	if isCut {
		b.WriteString(cutMark)
	}
	return b.String()
}

// whole returns all of text as a basic string of TOML.
func whole(text string) string { return quoted(text, len(text)) }

// counted returns a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// span says how many sessions there were, and when.
func (c *counts) span() string {
	text := counted(c.sessions, "connection")
	if c.first.IsZero() {
		return text
	}
	first, last := c.first.UTC().Format(time.RFC3339), c.last.UTC().Format(time.RFC3339)
	if first == last {
		return text + " at " + first
	}
	return text + " from " + first + " to " + last
}

// reasonText lists why the sessions would have been denied.
func (c *counts) reasonText() string {
	var texts []string
	for i, n := range c.reasons {
		if n == 0 {
			continue
		}
		name := string(helped[i])
		if helped[i] == hidden {
			name = "no reason shown"
		}
		texts = append(texts, fmt.Sprintf("%s (%d)", name, n))
	}
	return strings.Join(texts, ", ")
}
