package document

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// season is a schema with times.
type season struct {
	Table
	Opens Located[time.Time]     `toml:"opens" day:"true"`
	Peak  Located[time.Time]     `toml:"peak"`
	Lasts Located[time.Duration] `toml:"lasts" default:"1h" forever:"always"`
	Foods List                   `toml:"foods"`
	Host  wine                   `toml:"host"`
	_     struct{}               `toml:"winter" instead:"there is no winter here"`
}

func decodeSeason(t *testing.T, text string) (season, Problems) {
	t.Helper()
	doc, problems := Parse("menu.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatalf("not TOML:\n%v", problems)
	}
	var s season
	problems = doc.Decode(&s)
	return s, problems
}

func TestDecodeTimes(t *testing.T) {
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	noon := day.Add(12 * time.Hour)
	for _, tc := range []struct {
		text string
		want time.Time
		key  string
	}{
		{`opens = 2026-01-31`, day, "opens"},
		{`opens = "2026-01-31"`, day, "opens"},
		{`opens = 2028-02-29`, time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC), "opens"},
		{`peak = 2026-01-31`, day, "peak"},
		{`peak = 2026-01-31T12:00:00Z`, noon, "peak"},
		{`peak = 2026-01-31t12:00:00z`, noon, "peak"},
		{`peak = 2026-01-31 14:00:00+02:00`, noon, "peak"},
		{`peak = 2026-01-31T12:00:00`, noon, "peak"},
		{`peak = 2026-01-31T12:00:00.25-00:00`, noon.Add(250 * time.Millisecond), "peak"},
		{`peak = "2026-01-31 12:00"`, noon, "peak"},
		{`peak = "2026-01-31T14:00:00+02:00"`, noon, "peak"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			s, problems := decodeSeason(t, tc.text)
			if len(problems) > 0 {
				t.Fatalf("problems:\n%v", problems)
			}
			got, left := s.Opens, s.Peak
			if tc.key == "peak" {
				got, left = left, got
			}
			_, column, _ := strings.Cut(tc.text, "= ")
			want := Located[time.Time]{tc.want, in(1, len(tc.text)-len(column)+1), tc.key, true}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if left.Set || !left.Value.IsZero() || left.Key == "" {
				t.Errorf("the other = %+v", left)
			}
		})
	}
}

func TestDecodeRefusesTimes(t *testing.T) {
	for _, text := range []string{
		`opens = 2026-01-31T12:00:00Z`, `opens = "2026-01-31 12:00"`, `opens = "31.01.2026"`, `opens = "2026-02-30"`, `opens = "2026-1-1"`,
		`opens = 12:00:00`, `opens = 20260131`, `opens = 2026.01`, `opens = true`, `opens = [2026-01-31]`, `opens = {}`,
		`peak = 12:00:00`, `peak = "noon"`, `peak = "2026-01-31T12:00:00 Z"`, `peak = "2026-01-31T25:00:00Z"`, `peak = [2026-01-31]`,
	} {
		t.Run(text, func(t *testing.T) {
			s, problems := decodeSeason(t, text)
			if len(problems) != 1 || !strings.HasPrefix(problems[0].Message, "expected a ") {
				t.Errorf("problems:\n%v", problems)
			}
			if !s.Opens.Value.IsZero() || !s.Peak.Value.IsZero() || s.Opens.Set == s.Peak.Set {
				t.Errorf("values = %+v, %+v", s.Opens, s.Peak)
			}
		})
	}
}

func TestDecodeForever(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                   time.Hour,
		`lasts = ""`:         time.Hour,
		`lasts = "3m"`:       3 * time.Minute,
		`lasts = "always"`:   Forever,
		`lasts = "-1ns"`:     -1,
		`lasts = "for ever"`: 0,
	} {
		s, problems := decodeSeason(t, text)
		if s.Lasts.Value != want || problems.HasErrors() != (want == 0) {
			t.Errorf("%s is %v; problems:\n%v", text, s.Lasts.Value, problems)
		}
	}
}

func TestDecodeKeyThatPeopleExpect(t *testing.T) {
	_, problems := decodeSeason(t, "winter = 1\nwinters = 2\n")
	want := `menu.toml:1:1: winter: unknown key
  hint: there is no winter here
menu.toml:2:1: winters: unknown key
  hint: known here: opens, peak, lasts, foods, host`
	if diff := cmp.Diff(want, problems.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, k := range Keys[season]() {
		if k.Path == "winter" {
			t.Error("it counts as a key")
		}
	}
}

// Only a list that was left out has no value.
func TestDecodeEmptyList(t *testing.T) {
	for text, wantNil := range map[string]bool{"": true, "foods = []": false, "foods = [\"a\"]": false} {
		s, _ := decodeSeason(t, text)
		if (s.Foods.Value == nil) != wantNil || s.Foods.Set != strings.Contains(text, "a") {
			t.Errorf("%q: foods = %+v", text, s.Foods)
		}
	}
}

func TestFind(t *testing.T) {
	s, problems := decodeSeason(t, "opens = 2026-01-31\nfoods = [\"a\", \"b\"]\n[host]\ngrape = \"x\"\n")
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	for _, tc := range []struct {
		name    string
		element int
		want    string
	}{
		{"", -1, "menu.toml:1:1  true"},
		{"opens", -1, "menu.toml:1:9 opens true"},
		{"opens", 0, "menu.toml:1:9 opens true"},
		{"foods", -1, "menu.toml:2:9 foods true"},
		{"foods", 1, "menu.toml:2:15 foods[1] true"},
		{"foods", 2, "menu.toml:2:9 foods true"},
		{"peak", -1, "menu.toml:1:1 peak false"},
		{"host", -1, "menu.toml:3:2 host true"},
		{"grape", -1, "no"},
		{"winter", -1, "no"},
	} {
		got := "no"
		if at, ok := Find(&s, tc.name, tc.element); ok {
			got = fmt.Sprintf("%v %s %v", at.Pos, at.Key, at.Set)
		}
		if got != tc.want {
			t.Errorf("Find(%q, %d) = %s, want %s", tc.name, tc.element, got, tc.want)
		}
	}
	if _, ok := Find(flour{}, "", -1); ok {
		t.Error("a struct without a table has a place")
	}
	if _, ok := Find(flour{}, "grain", -1); !ok {
		t.Error("a key of a struct without a table has no place")
	}
}

// What is read as a time is the same however it is written again.
func FuzzParseMoment(f *testing.F) {
	for _, s := range []string{"2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31 12:00:00.5+02:00", "2026-01-31t12:00", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, ok := parseMoment(text)
		if !ok {
			return
		}
		if again, ok := parseMoment(value.Format(time.RFC3339Nano)); value.Year() > 0 && value.Year() < 9999 && (!ok || !again.Equal(value)) {
			t.Errorf("%q is %v, and that is %v (%v)", text, value, again, ok)
		}
		if day, ok := parseDay(text); ok && !day.Equal(value) {
			t.Errorf("%q is %v as a day and %v as a time", text, day, value)
		}
	})
}
