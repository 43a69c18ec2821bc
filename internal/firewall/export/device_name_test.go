package export

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	tests := []struct {
		name  string
		names names
		texts []string
		want  []string
	}{
		{"as it is", names{limit: 20, prefix: "sp-", others: "-.", fill: "-"}, []string{"a.b", "c-d"}, []string{"sp-a.b", "sp-c-d"}},
		{"the same again", names{limit: 20, fill: "-"}, []string{"a", "b", "a"}, []string{"a", "b", "a"}},
		{"other characters", names{limit: 20, fill: "-"}, []string{"a/b c"}, []string{"a-b-c"}},
		{"spelled the same", names{limit: 20, fill: "-"}, []string{"a/b", "a b"}, []string{"a-b", "a-b-" + fingerprint("a b")[:8]}},
		{"the same but for case", names{limit: 20, fill: "-"}, []string{"A", "a"}, []string{"A", "a-" + fingerprint("a")[:8]}},
		{"lower case", names{limit: 20, fill: "-", lower: true}, []string{"A", "a"}, []string{"a", "a-" + fingerprint("a")[:8]}},
		{"words", names{limit: 20, prefix: "S", camel: true}, []string{"config-server", "configServer"}, []string{"SConfigServer", "SConfigServe" + fingerprint("configServer")[:8]}},
		{"too long", names{limit: 12, fill: "-"}, []string{"abcdefghijklm"}, []string{"abc-" + fingerprint("abcdefghijklm")[:8]}},
		{"as long as it may be", names{limit: 12, fill: "-"}, []string{"abcdefghijkl"}, []string{"abcdefghijkl"}},
		{"a bad end", names{limit: 12, others: "-", fill: "-"}, []string{"a-"}, []string{"a--" + fingerprint("a-")[:8]}},
		{"a bad beginning", names{limit: 12, others: "-", fill: "-"}, []string{"-a"}, []string{"a"}},
		{"nothing left", names{limit: 12, others: "-", fill: "-"}, []string{"---"}, []string{fingerprint("---")[:8]}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, text := range test.texts {
				got = append(got, test.names.name(text))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Two texts never have one name, and every name is one that the device takes.
func FuzzNames(f *testing.F) {
	f.Add("a", "b")
	f.Add("a/b", "a b")
	f.Add("---", "...")
	f.Add(hostile, strings.ToUpper(hostile))
	pattern := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		n := names{limit: 32, others: "-", fill: "-", lower: true}
		one, two := n.name(a), n.name(b)
		if (one == two) != (a == b) {
			t.Errorf("%q is %q, and %q is %q", a, one, b, two)
		}
		for _, name := range []string{one, two} {
			if !pattern.MatchString(name) {
				t.Errorf("%q is no name", name)
			}
		}
		if again := n.name(a); again != one {
			t.Errorf("%q was %q and is %q", a, one, again)
		}
	})
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int
		want  string
	}{{"", 5, ""}, {"abcde", 5, "abcde"}, {"abcdef", 5, "ab..."}, {"äöüäöü", 5, "äö..."}} {
		t.Run(fmt.Sprint(test.text, test.limit), func(t *testing.T) {
			if got := cut(test.text, test.limit); got != test.want {
				t.Errorf("cut(%q, %d) = %q, want %q", test.text, test.limit, got, test.want)
			}
		})
	}
}
