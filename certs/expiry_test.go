package certs

import (
	"testing"
	"time"
)

func TestStage(t *testing.T) {
	ends := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	const year, quarter, week = 365 * day, 90 * day, 7 * day
	tests := []struct {
		name string
		life time.Duration
		left time.Duration
		days int
		due  bool
		next time.Duration // before the end
	}{
		{"long before", year, 100 * day, 0, false, 30 * day},
		{"just before the first", year, 30*day + 1, 0, false, 30 * day},
		{"at the first", year, 30 * day, 30, true, 14 * day},
		{"just before the second", year, 14*day + 1, 30, true, 14 * day},
		{"at the second", year, 14 * day, 14, true, 7 * day},
		{"at the third", year, 7 * day, 7, true, 3 * day},
		{"two days left", year, 2 * day, 3, true, day},
		{"the last day", year, time.Hour, 1, true, -1},
		{"the last moment", year, 0, 1, true, -1},
		{"over", year, -1, 0, true, 0},
		{"a quarter has all", quarter, 29 * day, 30, true, 14 * day},
		{"a week has the last two", week, 6 * day, 0, false, 3 * day},
		{"a week, three days left", week, 3 * day, 3, true, day},
		{"a day has none", day, time.Hour, 0, false, -1},
		{"a day, over", day, -time.Hour, 0, true, 0},
		{"ends before it begins", -day, time.Hour, 0, false, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, begins := ends.Add(-tt.left), ends.Add(-tt.life)
			if days, due := Stage(now, begins, ends); days != tt.days || due != tt.due {
				t.Errorf("Stage = %d, %t, want %d, %t", days, due, tt.days, tt.due)
			}
			next, want := NextStage(now, begins, ends), ends.Add(-tt.next)
			if tt.left < 0 {
				want = time.Time{}
			}
			if !next.Equal(want) {
				t.Errorf("NextStage = %s, want %s", next, want)
			}
		})
	}
}

// Whoever looks at each next stage is told of each stage once, in their order, and then it is over.
func TestStagesFollowEachOther(t *testing.T) {
	begins := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ends := begins.AddDate(1, 0, 0)
	var got []int
	for at := NextStage(begins, begins, ends); !at.IsZero(); at = NextStage(at, begins, ends) {
		days, due := Stage(at, begins, ends)
		if _, before := Stage(at.Add(-1), begins, ends); !due || len(got) == 0 && before {
			t.Fatalf("at %s: due %t, before %t", at, due, before)
		}
		got = append(got, days)
	}
	if want := []int{30, 14, 7, 3, 1, 0}; len(got) != len(want) || got[0] != 30 || got[5] != 0 {
		t.Errorf("got %v, want %v", got, want)
	}
}
