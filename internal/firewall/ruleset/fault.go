package ruleset

import (
	"bytes"
	"fmt"
)

// Fault is the error about a ruleset that cannot be read.
type Fault struct {
	File         string
	Line, Column int // from 1, in bytes
	Problem      string
	Hint         string
}

func (f *Fault) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Problem)
	if f.Hint != "" {
		text += "\n  hint: " + f.Hint
	}
	return text
}

// faultAt returns a fault at an offset.
func faultAt(file string, data []byte, offset int64, problem, hint string) *Fault {
	before := data[:min(max(offset, 0), int64(len(data)))]
	return &Fault{
		File: file, Line: 1 + bytes.Count(before, []byte("\n")), Column: len(before) - bytes.LastIndexByte(before, '\n'),
		Problem: problem, Hint: hint,
	}
}
