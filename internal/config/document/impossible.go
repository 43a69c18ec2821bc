package document

import (
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// mostImpossible bounds how many of the values that cannot be are told of, and
// with them how long it takes to find them.
const mostImpossible = 50

// impossible finds the numbers and dates that have the right form and cannot be,
// and marks them: the library stops at the first.
func impossible(n *node, found Problems) Problems {
	for _, child := range n.members {
		found = impossible(child, found)
	}
	for _, item := range n.items {
		found = impossible(item, found)
	}
	if len(found) >= mostImpossible {
		return found
	}
	if message, hint := n.impossible(); message != "" {
		n.wrong = true
		found = append(found, Problem{Pos: n.pos, Key: n.key, Message: message, Hint: hint})
	}
	return found
}

// impossible says why the value cannot be; the message of one that can is empty.
func (n *node) impossible() (message, hint string) {
	digits := strings.ReplaceAll(n.text, "_", "")
	shown := cut(n.text, 60)
	switch n.kind {
	case kindInteger:
		if _, err := strconv.ParseInt(digits, 0, 64); err != nil {
			return shown + " is beyond what 64 bits hold", ""
		}
	case kindFloat:
		if _, err := strconv.ParseFloat(digits, 64); err != nil {
			return shown + " is beyond what 64 bits hold", ""
		}
	case kindDate:
		// There are many ways for a date to be none, so the library is asked.
		if err := toml.Unmarshal([]byte("x = "+n.text), new(map[string]any)); err != nil {
			if date.MatchString(n.text) {
				hint = dayHint
			}
			return shown + ": " + strings.TrimPrefix(err.Error(), "toml: "), hint
		}
	}
	return "", ""
}

// stopped returns where and why the parser gave up.
func stopped(s *source, err error) Problem {
	p := Problem{Pos: s.at(0), Message: "cannot be read as TOML from here on"}
	parsing, ok := errors.AsType[*unstable.ParserError](err)
	if !ok {
		return p
	}
	// What is highlighted is a part of the data, as far as the library keeps its word.
	if offset := cap(s.data) - cap(parsing.Highlight); offset > 0 && offset <= len(s.data) {
		p.Pos = s.at(offset)
	}
	p.Message = parsing.Message
	return s.guess(p)
}
