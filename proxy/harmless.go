package proxy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Peer-supplied text is cut to this many bytes in the log, and an error that may contain some to these: what a person can do about
// it stands at its end.
const (
	longestText  = 256
	longestError = 2 * longestText
)

// harmless returns text for the log as it is, if it is short and plays no tricks with who reads
// it. Quotes and line ends are left to the formats, which escape them.
func harmless(text string) string { return allVisible(cut(text, longestText)) }

// harmlessError is the same for what went wrong.
func harmlessError(err error) string { return allVisible(cut(plainText(err), longestError)) }

// allVisible replaces what [visible] does. Most text is ASCII, and has nothing of that.
func allVisible(text string) string {
	for i := range len(text) {
		if text[i] >= '\x7f' {
			return strings.Map(visible, text)
		}
	}
	return text
}

// visible replaces what JSON may hold as it is and a terminal obeys: the control characters of
// ISO 6429 behind ASCII, of which U+009B begins an escape code, and those for the direction of writing.
func visible(r rune) rune {
	if r >= '\x7f' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
		return utf8.RuneError
	}
	return r
}

func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for end > longest-utf8.UTFMax && !utf8.RuneStart(text[end]) { // not within a letter
		end--
	}
	return text[:end] + "..."
}
