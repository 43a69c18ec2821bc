package export

import (
	"bytes"
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
)

func csvOf(t testing.TB, m *firewall.Matrix) string {
	t.Helper()
	a, err := writeCSV(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Files[0].Data)
}

func TestWriteCSV(t *testing.T) {
	want, err := os.ReadFile("testdata/matrix.csv")
	if err != nil {
		t.Fatal(err)
	}
	got := csvOf(t, reviewMatrix())
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got != csvOf(t, reviewMatrix()) {
		t.Error("the same matrix was written in another way")
	}
}

// TestCSVColumns holds the columns that reviews ask for to their names and places.
func TestCSVColumns(t *testing.T) {
	const asked = "rule-id,action,protocol,src-name,src-ip,src-port,dst-name,dst-ip,dst-port,direction,tls-mode,client-identity," +
		"max-connections,owner,ticket,reason,valid-from,valid-until,policy-hash,"
	if text := csvOf(t, reviewMatrix()); !strings.HasPrefix(text, asked) {
		t.Errorf("the file begins with\n%.300s\nwant\n%s", text, asked)
	}
	seen := make(map[string]bool)
	for _, c := range columns() {
		if seen[c.name] {
			t.Errorf("there are two columns %s", c.name)
		}
		seen[c.name] = true
	}
	for _, name := range required() {
		if !seen[name] {
			t.Errorf("there is no column %s", name)
		}
	}
}

// TestCSVIsRFC4180 has somebody else read it.
func TestCSVIsRFC4180(t *testing.T) {
	text := csvOf(t, reviewMatrix())
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := 1 + 4 + 3; len(records) != want {
		t.Errorf("%d records, want %d", len(records), want)
	}
	if !strings.HasSuffix(text, "\r\n") || strings.Count(text, "\r\n") != len(records) {
		t.Errorf("records do not end with CR LF each, or other ends of lines are in cells:\n%q", text)
	}
	for _, line := range records[5:] {
		if line[0] != "default" || line[1] != "deny" || line[4] != "any" || line[5] != "any" {
			t.Errorf("%q does not say that everything else is denied", line)
		}
	}
}

// TestCSVFacts holds the file to saying once what heads other artefacts.
func TestCSVFacts(t *testing.T) {
	m := reviewMatrix()
	text := csvOf(t, m)
	for _, fact := range head(m) {
		if strings.Count(text, fact) != 1 {
			t.Errorf("%q is not there once", fact)
		}
	}
	m.Guards, m.Flows = nil, nil
	text = csvOf(t, m)
	for _, fact := range head(m) {
		if !strings.Contains(text, fact) {
			t.Errorf("with nothing to guard, %q is not there", fact)
		}
	}
	if flows, err := ReadCSV("matrix.csv", strings.NewReader(text)); err != nil || len(flows) != 0 {
		t.Errorf("nothing was read as %v, %v", flows, err)
	}
}

func TestGuarded(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"a=b", "a=b"},
		{"=1+1", "'=1+1"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"\t=1", "'\t'=1"},
		{"\r=1", "'\r'=1"},
		{"\n=1", "'\n'=1"},
		{"\t", "'\t"},
		{"'\t", "''\t"},
		{"\x00=1", "'\x00=1"},
		{"  =1", "'  =1"},
		{"\u00a0=1", "'\u00a0=1"},
		{"＝1", "'＝1"},
		{"'", "''"},
		{"'=1", "''=1"},
		{"'tis", "''tis"},
		{"a;=1", "a;'=1"},
		{"a; =1", "a;' =1"},
		{"a\tb", "a\tb"},
		{"a,=1", "a,=1"}, // in quotes, and no spreadsheet that takes the comma looks into them
		{"a\n=1", "a\n'=1"},
	} {
		got := guarded(c.text)
		if got != c.want {
			t.Errorf("%q is written as %q, want %q", c.text, got, c.want)
		}
		if back := unguarded(got); back != c.text {
			t.Errorf("%q was written as %q and read as %q", c.text, got, back)
		}
	}
}

// TestUnguardedWithoutApostrophe reads what a spreadsheet leaves of a cell: it takes a leading apostrophe for its own.
func TestUnguardedWithoutApostrophe(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "@x", "'tis", "it's", "-"} {
		swallowed := strings.TrimPrefix(guarded(text), "'")
		if got := unguarded(swallowed); got != text {
			t.Errorf("%q lost its apostrophe and was read as %q", text, got)
		}
	}
}

func FuzzGuarded(f *testing.F) {
	for _, text := range []string{"", "=", "'=", "a;=b", "'\t'", "\xff=", "＠", "a\r\n+"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := guarded(text)
		if back := unguarded(cell); back != text {
			t.Fatalf("%q was written as %q and read as %q", text, cell, back)
		}
		for _, piece := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(otherSeparators, r) }) {
			if trimmed := strings.TrimSpace(piece); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@") {
				t.Fatalf("%q has a formula in %q", cell, piece)
			}
		}
		var b bytes.Buffer
		writeCell(&b, 0, "x") // so that no line is empty
		writeCell(&b, 1, cell)
		record, err := csv.NewReader(&b).Read()
		if err != nil || len(record) != 2 || record[1] != strings.ReplaceAll(cell, "\r\n", "\n") {
			t.Fatalf("%q was read as %q, %v", cell, record, err)
		}
	})
}

func BenchmarkWriteCSV(b *testing.B) {
	m := manyFlows(100_000)
	b.ReportAllocs()
	for b.Loop() {
		csvOf(b, m)
	}
}

func BenchmarkReadCSV(b *testing.B) {
	text := csvOf(b, manyFlows(100_000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadCSV("matrix.csv", strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
