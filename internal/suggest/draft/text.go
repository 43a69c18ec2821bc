package draft

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quoted returns text as a basic string of TOML, on one line, cut to at most most bytes. Whatever could
// hide or reorder what is beside it is escaped, so it is fit for comments and terminals as well.
func Quoted(text string, most int) string {
	cut := Cut(text, most)
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range cut {
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
	if len(cut) < len(text) {
		b.WriteString(cutMark)
	}
	return b.String()
}

// cutMark stands behind a quoted text that goes on.
const cutMark = "..."

// Cut returns the beginning of a text, of at most most bytes and without a part of a character at its end.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// Whole returns all of text as a basic string of TOML.
func Whole(text string) string { return Quoted(text, len(text)) }

// QuotedList returns texts as the elements of a list.
func QuotedList(values []string) string { return strings.Join(Texts(values, Whole), ", ") }

// Counted returns a number with its noun.
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
