package main

import "testing"

func TestTurns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		workload workload
		rounds   int
		quick    bool
		want     int
	}{
		"work, and system calls":       {workload{}, 5, false, 6 * 4},
		"quick: system calls of ours":  {workload{}, 3, true, 3*4 + 1},
		"memory, no system calls":      {workload{memory: true}, 2, false, 2 * 4},
		"memory of ours in all rounds": {workload{memory: true}, 5, false, 3*4 + 2},
		"once":                         {workload{memory: true, once: true}, 5, false, 4},
	}
	for name, test := range tests {
		p := plan{test.workload, make([]contestant, 4)}
		if got := p.turns(test.rounds, test.quick); got != test.want {
			t.Errorf("%s: %d turns, want %d", name, got, test.want)
		}
	}
}
