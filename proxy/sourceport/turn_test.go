package sourceport

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// diary is a turn that remembers what became of it.
type diary struct {
	entries []string
	refused error
}

func (d *diary) Yield() { d.entries = append(d.entries, "yield") }

func (d *diary) Take() error {
	d.entries = append(d.entries, "take")
	return d.refused
}

// TestTurn: the turn is given up by who waits, and by nobody else, and needed before each attempt to connect.
func TestTurn(t *testing.T) {
	errLate := errors.New("too late")
	tests := []struct {
		name    string
		held    time.Duration // by another connection; 0: the port is free
		answers map[uint16]error
		refused error
		want    []string
	}{
		{"a port is free", 0, nil, nil, []string{"take"}},
		{"a port comes free", time.Second, nil, nil, []string{"yield", "take"}},
		{"none comes free", time.Hour, nil, nil, []string{"yield"}},
		{"a port does not work", 0, map[uint16]error{1: errTaken}, nil, []string{"take", "take"}},
		{"no turn comes", 0, nil, errLate, []string{"take"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New()
				last := uint16(1)
				if test.answers != nil {
					last = 2
				}
				if test.held > 0 {
					lease := mustDial(t, p, request(1, 1, 0), &kernel{})
					time.AfterFunc(test.held, lease.Release)
				}
				r := request(1, last, time.Minute)
				d := &diary{refused: test.refused}
				r.Turn = d
				_, lease, _, err := p.dial(t.Context(), r, 0, (&kernel{answers: test.answers}).connect)
				if !slices.Equal(d.entries, test.want) {
					t.Errorf("%q, want %q", d.entries, test.want)
				}
				if test.refused != nil && (!errors.Is(err, test.refused) || len(p.Held()) > 0) {
					t.Errorf("%v, and %v are held", err, p.Held())
				}
				lease.Release()
				time.Sleep(2 * time.Hour) // until everything else has ended as well
			})
		})
	}
}
