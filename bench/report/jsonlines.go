package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// What the lines of a file say in "type". The header comes first and once, all others in any number and order.
const (
	lineHeader = "header" // a Header
	lineSample = "sample" // a Sample: values are in seconds, bytes, parts of one and plain numbers, never scaled
	lineSkip   = "skip"   // a Skip
	lineGoal   = "goal"   // a Goal with its Verdict, which Read judges anew
	lineEnd    = "end"    // when the run ended, and why early
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

type endLine struct {
	Type       string    `json:"type"`
	Ended      time.Time `json:"ended"`
	Incomplete string    `json:"incomplete,omitempty"`
}

// Lines writes a run as JSON lines while it goes on: the header, then a line for each sample and skip, at last the goals and the end, told apart
// by "type". Times are in seconds, but for the header's time, which is in nanoseconds. Not for concurrent use.
type Lines struct {
	out              *json.Encoder
	begun            bool
	samples, skipped int // written so far
}

// NewLines returns lines that are written to w, each with one call.
func NewLines(w io.Writer) *Lines { return &Lines{out: json.NewEncoder(w)} }

// Add writes what of the run is not written yet. The header is the one of the first call.
func (l *Lines) Add(run *Run) error {
	if !l.begun {
		header := run.Header
		header.Ended, header.Incomplete = time.Time{}, "" // are for the end to say
		if err := l.out.Encode(headerLine{lineHeader, header}); err != nil {
			return err
		}
		l.begun = true
	}
	for ; l.samples < len(run.Samples); l.samples++ {
		if err := l.out.Encode(sampleLine{lineSample, run.Samples[l.samples]}); err != nil {
			return err
		}
	}
	for ; l.skipped < len(run.Skipped); l.skipped++ {
		if err := l.out.Encode(skipLine{lineSkip, run.Skipped[l.skipped]}); err != nil {
			return err
		}
	}
	return nil
}

// End writes what is left of the run.
func (l *Lines) End(run *Run) error {
	if err := l.Add(run); err != nil {
		return err
	}
	for _, v := range run.Verdicts() {
		if err := l.out.Encode(goalLine{lineGoal, v}); err != nil {
			return err
		}
	}
	return l.out.Encode(endLine{lineEnd, run.Header.Ended, run.Header.Incomplete})
}

// cutOff is why a run without an end is incomplete.
const cutOff = "cut off: the file has no end; this is what had been measured until then"

// Read reads what [Lines] have written, of a run that was killed, too.
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
	if run.Header.Ended.IsZero() {
		run.Header.Incomplete = cutOff
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
	case lineEnd:
		return json.Unmarshal(line, &r.Header) // its fields are the header's
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
