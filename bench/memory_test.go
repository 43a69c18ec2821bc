package main

import (
	"testing"
	"time"
)

func TestCalm(t *testing.T) {
	type look struct {
		at   time.Duration
		size int64
		calm bool
	}
	tests := []struct {
		name  string
		looks []look
	}{
		{"a whole window", []look{{0, 1000, false}, {time.Second, 1000, false}, {3 * time.Second, 1000, true}}},
		{"half a percent is calm", []look{{0, 1000, false}, {2 * time.Second, 1005, false}, {3 * time.Second, 995, true}}},
		{"more is not", []look{{0, 1000, false}, {2 * time.Second, 1006, false}, {3 * time.Second, 1006, false}, {5 * time.Second, 1006, true}}},
		{"a slow slide is no calm", []look{{0, 1000, false}, {time.Second, 997, false}, {2 * time.Second, 994, false}, {3 * time.Second, 991, false}}},
		{"nothing at all", []look{{0, 0, false}, {3 * time.Second, 0, true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c calm
			for _, l := range tt.looks {
				if got := c.look(l.at, l.size); got != l.calm {
					t.Errorf("at %v: calm = %t, want %t", l.at, got, l.calm)
				}
			}
		})
	}
}
