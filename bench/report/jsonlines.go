package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What the lines of a file say in "type". The header comes first and once, all others in any number and order.
const (
	lineHeader = "header" // a Header
	lineSample = "sample" // a Sample: values are in seconds, bytes, parts of one and plain numbers, never scaled
	lineSkip   = "skip"   // a Skip
	lineGoal   = "goal"   // a Goal with its Verdict, which Read judges anew
)

type headerLine struct {
	Type string `json:"type"`
	Header
}

type sampleLine struct {
	Type string `json:"type"`
	Sample
}

type skipLine struct {
	Type string `json:"type"`
	Skip
}

type goalLine struct {
	Type string `json:"type"`
	Verdict
}

// Write writes the run as JSON lines: the header, then a line for each sample, skip and goal, told apart by "type". Times
// are in seconds, but for the header's time, which is in nanoseconds.
func Write(w io.Writer, run *Run) error {
	lines := json.NewEncoder(w)
	err := lines.Encode(headerLine{lineHeader, run.Header})
	for _, s := range run.Samples {
		err = errors.Join(err, lines.Encode(sampleLine{lineSample, s}))
	}
	for _, s := range run.Skipped {
		err = errors.Join(err, lines.Encode(skipLine{lineSkip, s}))
	}
	for _, v := range run.Verdicts() {
		err = errors.Join(err, lines.Encode(goalLine{lineGoal, v}))
	}
	return err
}

// Read reads what [Write] has written.
func Read(r io.Reader) (*Run, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	run := &Run{}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if err := run.take(number, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if number == 0 {
		return nil, errors.New("no line in it")
	}
	return run, nil
}

func (r *Run) take(number int, line []byte) error {
	var kind struct{ Type string }
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	if (number == 1) != (kind.Type == lineHeader) {
		return errors.New("the header has to be the first line, and only that: is this a report of bench?")
	}
	switch kind.Type {
	case lineHeader:
		return json.Unmarshal(line, &r.Header)
	case lineSample:
		return appended(&r.Samples, line)
	case lineSkip:
		return appended(&r.Skipped, line)
	case lineGoal:
		return appended(&r.Goals, line)
	default:
		return fmt.Errorf("unknown type %q", kind.Type)
	}
}

func appended[T any](to *[]T, line []byte) error {
	var one T
	if err := json.Unmarshal(line, &one); err != nil {
		return err
	}
	*to = append(*to, one)
	return nil
}
