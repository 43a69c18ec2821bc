package draft

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

func TestUnique(t *testing.T) {
	names := Names{"a": 1}
	long := strings.Repeat("ä", LongestName)
	var got []string
	for _, name := range []string{"a", "b", "a", "a-2", long, long} {
		unique := names.Unique(name)
		if len(unique) > LongestName || !utf8.ValidString(unique) {
			t.Errorf("%q is too long, or cut in a character", unique)
		}
		got = append(got, unique)
	}
	cut := strings.Repeat("ä", (LongestName-len("-1234567"))/2)
	if diff := cmp.Diff([]string{"a-2", "b", "a-3", "a-2-2", cut, cut + "-2"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// FuzzText writes any text as a string and as a part of a comment.
func FuzzText(f *testing.F) {
	f.Add("a\n[[allow]] \"b\" \\ \x1b[2J\u202e\u2028'''")
	f.Add(strings.Repeat("ä", 200))
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		var b strings.Builder
		w := NewWriter(&b)
		w.Comment("before %s behind", Quoted(text, 20))
		w.Text("text", text)
		w.List("list", []string{text, "", "", "", "", "", text})
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		type file struct {
			Text string
			List []string
		}
		var got file
		if err := toml.NewDecoder(strings.NewReader(b.String())).DisallowUnknownFields().Decode(&got); err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if diff := cmp.Diff(file{text, []string{text, "", "", "", "", "", text}}, got); diff != "" {
			t.Errorf("file (-want +got):\n%s", diff)
		}
	})
}
