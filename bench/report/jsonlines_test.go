package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReadWhatWasWritten(t *testing.T) {
	run := exampleRun()
	run.Header.Incomplete = "interrupted"
	var text bytes.Buffer
	if err := NewLines(&text).End(run); err != nil {
		t.Fatal(err)
	}
	written := text.String()
	got, err := Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, got); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	first, _, _ := strings.Cut(written, "\n")
	var header struct {
		Type    string
		Command string
	}
	if err := json.Unmarshal([]byte(first), &header); err != nil || header.Type != "header" || header.Command != run.Header.Command {
		t.Errorf("first line is no header (%v): %s", err, first)
	}
}

// A run that is killed leaves what it had measured.
func TestLinesOfARunThatGoesOn(t *testing.T) {
	whole := exampleRun()
	var text bytes.Buffer
	lines := NewLines(&text)
	for i := range whole.Samples {
		now := *whole
		now.Header.Ended, now.Goals = time.Time{}, nil
		now.Samples, now.Skipped = whole.Samples[:i+1], whole.Skipped[:min(i, len(whole.Skipped))]
		if err := lines.Add(&now); err != nil {
			t.Fatal(err)
		}
		got, err := Read(bytes.NewReader(text.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		now.Header.Incomplete = cutOff
		if diff := cmp.Diff(&now, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("after %d samples (-want +got):\n%s", i+1, diff)
		}
	}
	if err := lines.End(whole); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":      {"", "no line in it"},
		"no JSON":      {"hello\n", "line 1: invalid character"},
		"no header":    {`{"type":"sample"}` + "\n", "line 1: the header has to be the first line"},
		"two headers":  {`{"type":"header"}` + "\n" + `{"type":"header"}` + "\n", "line 2: the header has to be the first line"},
		"unknown type": {`{"type":"header"}` + "\n" + `{"type":"poem"}` + "\n", `line 2: unknown type "poem"`},
		"wrong value":  {`{"type":"header"}` + "\n" + `{"type":"sample","round":"x"}` + "\n", "line 2: json: cannot unmarshal"},
		"cut short":    {`{"type":"header"}` + "\n" + `{"type":"sam`, "line 2: unexpected end"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want %q", err, test.want)
			}
		})
	}
}
