package meter

import (
	"testing"
	"time"
)

func TestParseEndedChildren(t *testing.T) {
	tests := []struct {
		name, stat string
		want       time.Duration
		fails      bool
	}{
		{"plain", "12 (nginx) S 1 12 12 0 -1 4194560 310 77 0 0 5 6 7 8 20 0 1 0 100", 150 * time.Millisecond, false},
		{"name with parentheses and blanks", "12 (a) b (c) S 1 12 12 0 -1 4194560 310 77 0 0 5 6 0 3 20 0 1 0 100", 30 * time.Millisecond, false},
		{"cut", "12 (nginx) S 1 12", 0, true},
		{"no name", "12 nginx S 1 12 12 0 -1 4194560 310 77 0 0 5 6 7 8 20 0", 0, true},
		{"no numbers", "12 (nginx) S 1 12 12 0 -1 4194560 310 77 0 0 5 6 x 8 20 0", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseEndedChildren(tt.stat)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("parseEndedChildren = %v, %v; want %v, failing %t", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestParseBusy(t *testing.T) {
	const stat = "cpu  99 99 99 99 99 99 99 99 99 99\ncpu0 10 2 20 500 7 1 3 4 6 0\ncpu1 1 0 0 0\ncpu2 1 x 0\nintr 5\n"
	tests := []struct {
		name  string
		cpu   int
		want  Busy
		fails bool
	}{
		{"all columns", 0, Busy{Used: 360 * time.Millisecond, Steal: 40 * time.Millisecond}, false},
		{"an old kernel's", 1, Busy{Used: 10 * time.Millisecond}, false},
		{"no number", 2, Busy{}, true},
		{"no such processor", 3, Busy{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseBusy(stat, tt.cpu)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("parseBusy = %+v, %v; want %+v, failing %t", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestNoise(t *testing.T) {
	tests := []struct {
		name string
		busy Busy
		own  time.Duration
		want time.Duration
	}{
		{"alone", Busy{Used: time.Second}, time.Second, 0},
		{"others", Busy{Used: time.Second}, 700 * time.Millisecond, 300 * time.Millisecond},
		{"own is counted more exactly", Busy{Used: 990 * time.Millisecond}, time.Second, 0},
		{"other machines", Busy{Used: time.Second, Steal: time.Second}, 2 * time.Second, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.busy.Noise(tt.own); got != tt.want {
				t.Errorf("Noise = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseLoad(t *testing.T) {
	if got, err := parseLoad("0.52 0.48 0.44 2/310 4242\n"); got != 0.52 || err != nil {
		t.Errorf("parseLoad = %v, %v; want 0.52", got, err)
	}
	if _, err := parseLoad(""); err == nil {
		t.Error("nothing was read as a load average")
	}
}
