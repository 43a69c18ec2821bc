// Package document reads TOML files into structs and remembers where every
// value was written.
//
// A TOML library alone stops at the first mistake and forgets positions once
// decoding is over. Here a file is read into a tree whose nodes know their
// place; [Document.Decode] fills a struct whose fields are [Located] values and
// reports every unknown key and every wrong type at once. What the values mean
// is for the caller to judge; it reports in the same form with
// [Located.Problem].
package document

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// MaxSize is the size in bytes beyond which a file is refused: twice what a policy
// of 100,000 clients and 10,000 rules takes.
const MaxSize = 32 << 20

// Document is a TOML file that was parsed without an error.
type Document struct {
	root *node
}

// Parse reads a TOML document. On any problem the document is nil. The name is
// used in positions only; nothing is opened.
func Parse(name string, data []byte) (*Document, Problems) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // editors on Windows write a byte order mark
	src := newSource(name, data)
	if p := unreadable(src); p != nil {
		return nil, Problems{*p}
	}
	tree := newBuilder(src)
	complete := tree.build()
	if tree.tooDeep != nil {
		return nil, Problems{*tree.tooDeep} // not shown to the library, which recurses
	}
	// The library is the judge of what is TOML; the tree only explains.
	if err := toml.Unmarshal(data, new(map[string]any)); err != nil {
		return nil, explain(src, err, tree.redefined)
	}
	if !complete {
		return nil, Problems{{Pos: src.at(0), Message: "cannot be read as TOML"}}
	}
	return &Document{root: tree.root}, nil
}

// unreadable finds what makes a file no text at all.
func unreadable(s *source) *Problem {
	whole := Position{File: s.file}
	switch {
	case len(s.data) > MaxSize:
		return &Problem{
			Pos:     whole,
			Message: fmt.Sprintf("the file is larger than %d MiB", MaxSize>>20),
			Hint:    "is this the right file?",
		}
	case bytes.HasPrefix(s.data, []byte("\xff\xfe")), bytes.HasPrefix(s.data, []byte("\xfe\xff")):
		return &Problem{
			Pos:     whole,
			Message: "the file is UTF-16, TOML is UTF-8",
			Hint:    "save it as UTF-8",
		}
	}
	if i := bytes.IndexByte(s.data, 0); i >= 0 {
		return &Problem{
			Pos:     s.at(i),
			Message: "the file holds a zero byte, so it is not text",
			Hint:    "is this the right file?",
		}
	}
	if i := invalidUTF8(s.data); i >= 0 {
		return &Problem{
			Pos:     s.at(i),
			Message: fmt.Sprintf("byte 0x%02X is not valid UTF-8", s.data[i]),
			Hint:    "save the file as UTF-8",
		}
	}
	return nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// explain turns the library's error into problems. Where the tree saw keys
// defined twice it knows all of them and where they were defined first; the
// library's own words are added only when they are about another line.
func explain(s *source, err error, redefined Problems) Problems {
	pos := Position{File: s.file}
	message := strings.TrimPrefix(err.Error(), "toml: ")
	var at *toml.DecodeError
	if errors.As(err, &at) {
		pos.Line, pos.Column = at.Position()
	}
	problems := redefined
	for _, p := range redefined {
		if p.Pos.Line == pos.Line {
			problems.Sort()
			return problems
		}
	}
	better, hint := grammarHint(s.line(pos.Line))
	if better != "" {
		message = better
	}
	problems = append(problems, Problem{Pos: pos, Message: message, Hint: hint})
	problems.Sort()
	return problems
}
