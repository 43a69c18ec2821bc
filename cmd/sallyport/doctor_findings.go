package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sallyport/internal/config"
)

// level says how bad a finding is.
type level string

const (
	levelOK      level = "ok"
	levelNote    level = "note"    // worth knowing
	levelWarning level = "warning" // may hurt
	levelProblem level = "problem" // does hurt
	levelUnknown level = "unknown" // could not be looked at
)

// finding is one thing that doctor says.
type finding struct {
	Check    string `json:"check"`
	Level    level  `json:"level"`
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"`
	Position string `json:"position,omitempty"` // in the configuration
}

func okay(format string, args ...any) []finding {
	return []finding{{Level: levelOK, Text: fmt.Sprintf(format, args...)}}
}

// unlooked says that something could not be looked at.
func unlooked(err error) []finding {
	if errors.Is(err, errors.ErrUnsupported) {
		err = errors.New("this system does not tell")
	}
	return []finding{{Level: levelUnknown, Text: "could not look: " + err.Error()}}
}

// found turns problems of the configuration into findings.
func found(at level, problems config.Problems) []finding {
	var all []finding
	for _, p := range problems {
		text := p.Message
		if p.Key != "" {
			text = p.Key + ": " + text
		}
		all = append(all, finding{Level: at, Text: text, Hint: p.Hint, Position: p.Pos.String()})
	}
	return all
}

// diagnosis is everything that doctor says, and what doctor --json prints.
type diagnosis struct {
	Config   string    `json:"config"`
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
	Findings []finding `json:"findings"`
}

func newDiagnosis(path string, findings []finding) *diagnosis {
	d := &diagnosis{Config: path, Findings: findings}
	for _, f := range findings {
		switch f.Level {
		case levelProblem:
			d.Problems++
		case levelWarning:
			d.Warnings++
		}
	}
	return d
}

// tally counts what is wrong in words.
func (d *diagnosis) tally() string {
	switch {
	case d.Problems == 0 && d.Warnings == 0:
		return "no problem found"
	case d.Problems == 0:
		return "no problem found, " + count(d.Warnings, "warning")
	case d.Warnings == 0:
		return count(d.Problems, "problem")
	default:
		return count(d.Problems, "problem") + ", " + count(d.Warnings, "warning")
	}
}

func (d *diagnosis) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, d)
	}
	var b strings.Builder
	for _, f := range d.Findings {
		f.write(&b)
	}
	if d.Problems == 0 { // otherwise the error of the command says it
		fmt.Fprintf(&b, "%s: %s\n", d.Config, d.tally())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// The columns of the text.
const (
	levelWidth = 9 // of the level and the space after it
	pageWidth  = 80
)

func (f *finding) write(b *strings.Builder) {
	text := f.Check + ": " + f.Text
	if f.Position != "" {
		text = f.Check + ": " + f.Position + ": " + f.Text
	}
	writeWrapped(b, fmt.Sprintf("%-*s", levelWidth, f.Level), text)
	if f.Hint != "" {
		writeWrapped(b, strings.Repeat(" ", levelWidth), "hint: "+f.Hint)
	}
}

// writeWrapped writes text behind a label, in lines that end before the page does. What is to be copied is not taken apart.
func writeWrapped(b *strings.Builder, label, text string) {
	const space = "\u00a0"
	text = strings.ReplaceAll(text, "sysctl -w ", "sysctl"+space+"-w"+space)
	line := label
	flush := func() {
		b.WriteString(strings.TrimRight(strings.ReplaceAll(line, space, " "), " ") + "\n")
		line = strings.Repeat(" ", len(label))
	}
	for i, paragraph := range strings.Split(text, "\n") {
		if i > 0 {
			flush()
		}
		for n, word := range strings.Split(strings.TrimSpace(paragraph), " ") {
			switch {
			case n == 0:
				line += word
			case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > pageWidth:
				flush()
				line += word
			default:
				line += " " + word
			}
		}
	}
	flush()
}
