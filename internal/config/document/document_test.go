package document

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// menu is a schema with everything a schema can have.
type menu struct {
	Title  Located[string]        `toml:"title" default:"lunch"`
	Until  Located[time.Duration] `toml:"until" default:"2h"`
	Seats  Located[int64]         `toml:"seats" default:"12"`
	Open   Located[bool]          `toml:"open" default:"true"`
	Cooks  List                   `toml:"cooks" one:"true"`
	Colors Pairs                  `toml:"colors"`
	Wine   *wine                  `toml:"wine"`
	Bread  bread                  `toml:"bread"`
	Dishes []dish                 `toml:"dish"`
	_      struct{}               `toml:"band" later:"there is no stage yet"`
}

type wine struct {
	Table
	Grape Located[string] `toml:"grape"`
}

type bread struct {
	flour
	Loaves Located[int64] `toml:"loaves" default:"3"`
}

type flour struct {
	Grain Located[string] `toml:"grain" default:"rye"`
}

type dish struct {
	Table
	Name  Located[string] `toml:"name"`
	Sides []side          `toml:"side"`
}

type side struct {
	Name Located[string] `toml:"name"`
}

const example = `# a comment
title = "dinner"
until = "90m"
seats = 0x10
open = false
cooks = ["Ann", # a comment inside
  'Bob',
]
colors = { wall = "red" }

wine.grape = "Riesling"
bread = { grain = "wheat" }

[[dish]]
name = "soup"

[[dish]]
"name" = """stew"""
  [[dish.side]]
  name = "rice"
  [[dish.side]]
  name = "beans"
`

func decode(t *testing.T, text string) (menu, Problems) {
	t.Helper()
	doc, problems := Parse("menu.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatalf("not TOML:\n%v", problems)
	}
	var m menu
	problems = doc.Decode(&m)
	return m, problems
}

func in(line, column int) Position { return Position{"menu.toml", line, column} }

func TestDecode(t *testing.T) {
	got, problems := decode(t, example)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	text := func(value, key string, line, column int) Located[string] {
		return Located[string]{value, in(line, column), key, true}
	}
	want := menu{
		Title:  text("dinner", "title", 2, 9),
		Until:  Located[time.Duration]{90 * time.Minute, in(3, 9), "until", true},
		Seats:  Located[int64]{16, in(4, 9), "seats", true},
		Open:   Located[bool]{false, in(5, 8), "open", true},
		Cooks:  List{[]Located[string]{text("Ann", "cooks[0]", 6, 10), text("Bob", "cooks[1]", 7, 3)}, in(6, 9), "cooks", true},
		Colors: Pairs{{text("wall", "colors.wall", 9, 12), text("red", "colors.wall", 9, 19)}},
		Wine:   &wine{Table{Pos: in(11, 1), Key: "wine", Set: true}, text("Riesling", "wine.grape", 11, 14)},
		Bread: bread{
			flour{text("wheat", "bread.grain", 12, 19)},
			Located[int64]{3, in(12, 9), "bread.loaves", false},
		},
		Dishes: []dish{
			{Table: Table{Pos: in(14, 3), Key: "dish[0]", Set: true}, Name: text("soup", "dish[0].name", 15, 8)},
			{
				Table: Table{Pos: in(17, 3), Key: "dish[1]", Set: true},
				Name:  text("stew", "dish[1].name", 18, 10),
				Sides: []side{{text("rice", "dish[1].side[0].name", 20, 10)}, {text("beans", "dish[1].side[1].name", 22, 10)}},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(bread{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeDefaults(t *testing.T) {
	for name, text := range map[string]string{
		"left out": "",
		"empty":    "title = \"\"\nuntil = \"\"\ncooks = \"\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			m, problems := decode(t, text)
			if len(problems) > 0 {
				t.Fatalf("problems:\n%v", problems)
			}
			if m.Title.Value != "lunch" || m.Until.Value != 2*time.Hour || m.Seats.Value != 12 || !m.Open.Value || m.Bread.Grain.Value != "rye" {
				t.Errorf("values = %+v", m)
			}
			if m.Title.Set || m.Until.Set || m.Seats.Set || m.Cooks.Set || m.Wine != nil {
				t.Errorf("something counts as set: %+v", m)
			}
			if m.Title.Key != "title" || m.Bread.Grain.Key != "bread.grain" || m.Title.Pos.Line != 1 {
				t.Errorf("keys and positions of what is left out: %+v", m)
			}
		})
	}
}

// A wrong type leaves the zero value, which still counts as written.
func TestDecodeWrongType(t *testing.T) {
	m, problems := decode(t, "title = 1\nuntil = 2\nseats = \"x\"\nopen = 1\ncooks = 1\n")
	if len(problems) != 5 {
		t.Errorf("problems:\n%v", problems)
	}
	if !m.Title.Set || !m.Until.Set || !m.Seats.Set || !m.Open.Set || !m.Cooks.Set {
		t.Errorf("not set: %+v", m)
	}
	if m.Title.Value != "" || m.Until.Value != 0 || m.Seats.Value != 0 || m.Open.Value {
		t.Errorf("values = %+v", m)
	}
}

func TestDecodeInlineListOfTables(t *testing.T) {
	m, problems := decode(t, "dish = [{ name = \"soup\" }, { name = \"stew\", side = [{ name = \"rice\" }] }]\n")
	if len(problems) > 0 || len(m.Dishes) != 2 || m.Dishes[1].Sides[0].Name.Value != "rice" {
		t.Fatalf("dishes = %+v, problems:\n%v", m.Dishes, problems)
	}
	if got := m.Dishes[1].Sides[0].Name.Key; got != "dish[1].side[0].name" {
		t.Errorf("key = %s", got)
	}
}

func TestKeys(t *testing.T) {
	var got []string
	for _, k := range Keys[menu]() {
		line := k.Path + " " + k.Default
		if k.Later {
			line += "later"
		}
		if k.Table {
			line += "table"
		}
		got = append(got, line)
	}
	want := []string{
		"title lunch", "until 2h", "seats 12", "open true", "cooks ", "colors ",
		"wine table", "wine.grape ", "bread table", "bread.grain rye", "bread.loaves 3",
		"dish table", "dish.name ", "dish.side table", "dish.side.name ", "band later",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"certificate", "certificate_key", "listen", "mode", "id", "v1", "client_auth"}
	for word, want := range map[string]string{
		"certifcate":             "certificate",
		"certificate-key":        "certificate_key",
		"CertificateKey":         "certificate_key",
		"lsiten":                 "listen",
		"mod":                    "mode",
		"modes":                  "mode",
		"v2":                     "",
		"":                       "",
		"x":                      "",
		"elephant":               "",
		strings.Repeat("m", 100): "",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	ps := Problems{
		{Pos: in(9, 1), Key: "b", Message: "late", Warning: true},
		{Pos: in(2, 30), Key: "a", Message: "second", Hint: "help"},
		{Pos: in(2, 4), Message: "first"},
		{Pos: Position{File: "menu.toml"}, Message: "whole"},
	}
	ps.Sort()
	want := `menu.toml: whole
menu.toml:2:4: first
menu.toml:2:30: a: second
  hint: help
menu.toml:9:1: b: warning: late`
	if diff := cmp.Diff(want, ps.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(ps.Errors()) != 3 || len(ps.Warnings()) != 1 || !ps.HasErrors() || ps.Warnings().HasErrors() {
		t.Errorf("%d errors, %d warnings", len(ps.Errors()), len(ps.Warnings()))
	}
}

// What is wrong with one value hides nothing else.
func TestParseGoesOn(t *testing.T) {
	const text = `seats = 99999999999999999999
until = 2027-02-30
title = "a"
title = 5
open = 25:00:00
opne = true
cooks = ["x", 0xFFFFFFFFFFFFFFFFFF, 2027-13-01T00:00:00Z,
  1e999]
[wine]
grape = 1_0
[wine]
[[dish]]
name = 99_999_999_999_999_999_999
`
	doc, problems := Parse("menu.toml", []byte(text))
	if doc == nil {
		t.Fatalf("no document:\n%v", problems)
	}
	var m menu
	problems = append(problems, doc.Decode(&m)...)
	problems.Sort()
	want := `menu.toml:1:9: seats: 99999999999999999999 is beyond what 64 bits hold
menu.toml:2:9: until: 2027-02-30: impossible date
  hint: a day is a year, a month and a day of it, such as 2026-01-31
menu.toml:4:1: title: defined twice
  hint: defined before at menu.toml:3:1
menu.toml:5:8: open: 25:00:00: hour cannot be greater 23
menu.toml:6:1: opne: unknown key
  hint: did you mean "open"?
menu.toml:7:15: cooks[1]: 0xFFFFFFFFFFFFFFFFFF is beyond what 64 bits hold
menu.toml:7:37: cooks[2]: 2027-13-01T00:00:00Z: impossible date
  hint: a day is a year, a month and a day of it, such as 2026-01-31
menu.toml:8:3: cooks[3]: 1e999 is beyond what 64 bits hold
menu.toml:10:9: wine.grape: expected a string, found integer 1_0
  hint: write it in quotes: "1_0"
menu.toml:11:2: wine: defined twice
  hint: defined before at menu.toml:9:2
menu.toml:13:8: dish[0].name: 99_999_999_999_999_999_999 is beyond what 64 bits hold`
	if diff := cmp.Diff(want, problems.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.Title.Value != "a" || !m.Seats.Set || m.Seats.Value != 0 || len(m.Cooks.Value) != 1 {
		t.Errorf("title %+v, seats %+v, cooks %+v", m.Title, m.Seats, m.Cooks)
	}
}

// What makes the rest unreadable ends it, and what came before is told all the same.
func TestParseStops(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"after a value", "a = 2027-02-30\n\nb = [1,\n", `menu.toml:1:5: a: 2027-02-30: impossible date
  hint: a day is a year, a month and a day of it, such as 2026-01-31
menu.toml:3:8: array is incomplete`},
		{"after a key", "a = 1\na = 2\nb = yes\n", `menu.toml:2:1: a: defined twice
  hint: defined before at menu.toml:1:1
menu.toml:3:5: unexpected character U+0079 'y' at start of value
  hint: write b = true`},
		{"before a value", "b = \"x\na = 2027-02-30\n", "menu.toml:1:7: basic strings cannot have new lines\n  hint: the closing quote is missing"},
		{"a table without a place", "a = 2027-02-30\n[a]\nb = 1\n", `menu.toml:1:5: a: 2027-02-30: impossible date
  hint: a day is a year, a month and a day of it, such as 2026-01-31
menu.toml:2:2: a: defined twice
  hint: defined before at menu.toml:1:1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc, problems := Parse("menu.toml", []byte(tc.text))
			if doc != nil {
				t.Error("there is a document")
			}
			if diff := cmp.Diff(tc.want, problems.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseTellsOfSoManyImpossibleValues(t *testing.T) {
	_, problems := Parse("menu.toml", []byte(strings.Repeat("[[dish]]\nname = 2027-02-30\n", 10*mostImpossible)))
	if len(problems) != mostImpossible {
		t.Errorf("%d problems, want %d", len(problems), mostImpossible)
	}
}

// The library is the judge: what it takes is a document without problems unless
// it is nested too deep, and what it does not take has some, all of them inside
// the file.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		example, "a = 1\na = 2\n", "[a]\n[a]\n", "[[a]]\n[a.b]\n[[a]]\n", "a.b = 1\n[a]\n", "a = [[1], [2]]\n", "a = {b = {c = 1}}",
		"a = 2027-02-30\nb = 1\nb = 99999999999999999999\n", "a = [2027-02-30,\n1e999]\nb = [", "a = 1\n[[a]]\nb = 25:00:00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, problems := Parse("menu.toml", data)
		if doc == nil && !problems.HasErrors() {
			t.Fatal("neither a document nor a problem")
		}
		valid := toml.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), new(map[string]any)) == nil
		if valid != (len(problems) == 0) && !strings.Contains(problems.Error(), "nested more than") && !bytes.Contains(data, []byte{0}) {
			t.Fatalf("the library takes it: %v; problems:\n%v", valid, problems)
		}
		lines := bytes.Split(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n"))
		for _, p := range problems {
			if p.Pos.Line > len(lines) || p.Pos.Line > 0 && p.Pos.Column > len(lines[p.Pos.Line-1])+1 || p.Message == "" {
				t.Errorf("a problem that points outside: %+v", p)
			}
		}
		if doc == nil {
			return
		}
		for _, p := range append(problems, doc.Decode(new(menu))...) {
			if p.Key == "" || p.Pos.Line == 0 || p.Message == "" {
				t.Errorf("a problem that points nowhere: %+v", p)
			}
		}
	})
}
