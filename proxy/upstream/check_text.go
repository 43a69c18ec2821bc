package upstream

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What servers say is cut to this many bytes: an answer, and the text of an error, which may quote from a certificate. Of an error there
// is enough for a lack of source ports and what helps.
const (
	longestExcerpt = 64
	longestError   = 512
)

// excerpt returns the beginning of an answer, quoted.
func excerpt(answer []byte) string {
	switch {
	case len(answer) == 0:
		return "nothing"
	case len(answer) > longestExcerpt:
		return fmt.Sprintf("%q... (%d bytes)", answer[:longestExcerpt], len(answer))
	default:
		return fmt.Sprintf("%q", answer)
	}
}

// printable is an error whose text a server may have had a hand in: short, and of characters that show.
type printable struct{ err error }

func (p printable) Error() string {
	text := p.err.Error()
	if len(text) > longestError {
		text = text[:longestError] + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

func (p printable) Unwrap() error { return p.err }
