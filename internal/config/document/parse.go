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
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// MaxSize is the size in bytes beyond which a file is refused: twice what a policy
// of 100,000 clients and 10,000 rules takes.
const MaxSize = 32 << 20

// Document is a TOML file whose form is right; single values in it may be wrong.
type Document struct {
	root *node
}

// Parse reads a TOML document and returns what makes it none. The document is nil
// unless all of that is about single keys and values: keys that are defined
// twice, and dates and numbers that cannot be. Of the former the first counts,
// the latter decode as values of a wrong type do, without a word. The name is used
// in positions only; nothing is opened.
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
	err := toml.Unmarshal(data, new(map[string]any))
	switch {
	case err == nil && complete:
		return &Document{root: tree.root}, nil
	case err == nil:
		return nil, Problems{{Pos: src.at(0), Message: "cannot be read as TOML"}}
	}
	return tree.explain(err, complete)
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

// explain turns the library's error into problems. The tree knows all keys that
// are defined twice, with where they were defined first, and all values that
// cannot be, where the library stops at the first; its own words are added only
// when they are about another line, and then there is no document. There is none
// either when a part of the file has no place in the tree.
func (b *builder) explain(err error, complete bool) (*Document, Problems) {
	problems := append(b.redefined, impossible(b.root, nil)...)
	judged := judgement(b.src, err)
	known := slices.ContainsFunc(problems, func(p Problem) bool { return p.Pos.Line == judged.Pos.Line })
	switch {
	case !known:
		problems = append(problems, judged)
	case !complete:
		problems = append(problems, stopped(b.src, b.parser.Error()))
	}
	problems.Sort()
	if !known || !complete || b.lost {
		return nil, problems
	}
	return &Document{root: b.root}, problems
}

// judgement is what the library says.
func judgement(s *source, err error) Problem {
	p := Problem{Pos: Position{File: s.file}, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		p.Pos.Line, p.Pos.Column = at.Position()
	}
	return s.guess(p)
}

// guess adds to a problem what may have been meant in its line.
func (s *source) guess(p Problem) Problem {
	better, hint := grammarHint(s.line(p.Pos.Line))
	if better != "" {
		p.Message = better
	}
	p.Hint = hint
	return p
}
