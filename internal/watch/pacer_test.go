package watch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPacer plays times in milliseconds against a quiet time of 200 and a bound of 1000.
func TestPacer(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	tests := []struct {
		name string
		play func(p *pacer)
		due  int
	}{
		{"one event", func(p *pacer) { p.heard(at(0)) }, 200},
		{"an event puts it off", func(p *pacer) { p.heard(at(0)); p.heard(at(150)) }, 350},
		{"not beyond the bound", func(p *pacer) {
			for ms := 0; ms < 1000; ms += 100 {
				p.heard(at(ms))
			}
		}, 1000},
		{"found", func(p *pacer) { p.found(at(50)) }, 250},
		{"found after heard", func(p *pacer) { p.heard(at(0)); p.found(at(100)) }, 200},
		{"once more", func(p *pacer) { p.heard(at(0)); p.again(at(200)) }, 400},
		{"once more near the bound", func(p *pacer) { p.heard(at(0)); p.again(at(900)) }, 1000},
		{"a new burst has a new bound", func(p *pacer) { p.heard(at(0)); p.rest(); p.heard(at(950)) }, 1150},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := &pacer{quiet: 200 * time.Millisecond, longest: time.Second}
			test.play(p)
			if diff := cmp.Diff(at(test.due), p.due()); diff != "" || !p.pending() {
				t.Errorf("due, pending %t (-want +got):\n%s", p.pending(), diff)
			}
		})
	}
}

func TestPacerBound(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	p := &pacer{quiet: 200 * time.Millisecond, longest: time.Second}
	if p.pending() {
		t.Error("pending before anything was heard")
	}
	p.heard(start)
	if !p.again(start.Add(999*time.Millisecond)) || p.again(start.Add(time.Second)) {
		t.Error("again does not keep to the bound")
	}
	if p.rest(); p.pending() {
		t.Error("pending at rest")
	}
}
