package matrix

import (
	"strings"
	"unicode"
)

// nothing reports whether a cell says nothing.
func nothing(text string) bool {
	switch strings.ToLower(text) {
	case "", "-", "--", "n/a", "na", "n.a.", "none":
		return true
	default:
		return false
	}
}

// everything reports whether a word stands for whatever there is.
func everything(word string) bool {
	switch strings.ToLower(word) {
	case "any", "*", "all":
		return true
	default:
		return false
	}
}

// dashes are what spreadsheets make of the one in a range, and other ways to write it.
var dashes = strings.NewReplacer("–", "-", "—", "-", "−", "-", "..", "-")

// items returns the values in a cell, ranges in one piece: they are separated by commas, semicolons, bars, spaces and line breaks.
func items(text string) []string {
	var all []string
	joins := false
	for word := range strings.FieldsFuncSeq(dashes.Replace(text), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;|", r) }) {
		if strings.EqualFold(word, "to") {
			word = "-"
		}
		if n := len(all); n > 0 && (joins || strings.HasPrefix(word, "-")) {
			all[n-1] += word
		} else {
			all = append(all, word)
		}
		joins = strings.HasSuffix(word, "-")
	}
	return all
}

// folded returns text on one line with single spaces.
func folded(text string) string { return strings.Join(strings.Fields(text), " ") }
