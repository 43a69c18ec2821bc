package document

import (
	"bytes"
	"sort"
)

// source is the text of a document and where its lines begin. Asking the
// parser for positions instead would scan the file again for each of them.
type source struct {
	file   string
	data   []byte
	starts []int
}

func newSource(file string, data []byte) *source {
	s := &source{file: file, data: data, starts: []int{0}}
	for i, c := range data {
		if c == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// at returns the position of a byte.
func (s *source) at(offset int) Position {
	line := sort.SearchInts(s.starts, offset+1)
	return Position{File: s.file, Line: line, Column: offset - s.starts[line-1] + 1}
}

// line returns the text of a line, counted from 1, without its end.
func (s *source) line(n int) []byte {
	if n < 1 || n > len(s.starts) {
		return nil
	}
	rest := s.data[s.starts[n-1]:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return bytes.TrimSuffix(rest, []byte("\r"))
}
