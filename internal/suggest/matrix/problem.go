package matrix

import (
	"cmp"
	"fmt"
	"strings"

	"sallyport/internal/suggest/draft"
)

// Problem is something that keeps a row, a part of one, or all of them from being placed.
type Problem struct {
	File         string
	Line, Column int // of the cell, from 1; the column in bytes
	Message      string
	Hint         string // may be empty
}

// Error returns the problem with its place, and its hint on a line of its own.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Hint != "" {
		text += "\n  hint: " + p.Hint
	}
	return text
}

func (p *Problem) compare(o *Problem) int {
	return cmp.Or(cmp.Compare(p.Line, o.Line), cmp.Compare(p.Column, o.Column), strings.Compare(p.Message, o.Message))
}

// shown is how many bytes of a cell are shown.
const shown = 80

// quoted quotes what stands in a cell.
func quoted(text string) string { return draft.Quoted(text, shown) }
