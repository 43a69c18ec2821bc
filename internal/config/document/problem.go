package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file. Line and Column count from 1, columns in
// bytes; a zero Line means the file as a whole.
type Position struct {
	File         string // as the user named it
	Line, Column int
}

// String returns file:line:column, or only the file without a line.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions of one file as they stand in it.
func (p Position) Compare(q Position) int {
	return cmp.Or(
		cmp.Compare(p.File, q.File),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(p.Column, q.Column),
	)
}

// Problem is one thing that is wrong, or worth a warning, at one place.
type Problem struct {
	Pos     Position
	Key     string // full dotted path; empty when no key is at fault
	Message string
	Hint    string // may be empty
	Warning bool
	Passing bool // a warning that the passing of time brings, not a change
}

// String returns the problem as people read it, its hint on a second line.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Pos.String())
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key)
		b.WriteString(": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("\n  hint: ")
		b.WriteString(p.Hint)
	}
	return b.String()
}

// Error returns the same text as String.
func (p Problem) Error() string { return p.String() }

// Problems is everything found in one or more files.
type Problems []Problem

// Sort puts the problems into file order. Those of one place keep their order.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int { return a.Pos.Compare(b.Pos) })
}

// Errors returns the problems that are not warnings.
func (ps Problems) Errors() Problems { return ps.only(false) }

// Warnings returns the problems that are only warnings.
func (ps Problems) Warnings() Problems { return ps.only(true) }

func (ps Problems) only(warning bool) Problems {
	var kept Problems
	for _, p := range ps {
		if p.Warning == warning {
			kept = append(kept, p)
		}
	}
	return kept
}

// HasErrors reports whether any problem is more than a warning.
func (ps Problems) HasErrors() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning })
}

// Error joins the problems, warnings included, one after the other.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
