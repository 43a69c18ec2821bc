package proxy

import (
	"strings"
	"testing"
)

func TestHarmless(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"plain", "CN=t-server,O=Müller", "CN=t-server,O=Müller"},
		{"left to the format", "a\nb\x1b[2J\"", "a\nb\x1b[2J\""},
		{"delete", "a\x7fb", "a\ufffdb"},
		{"escape code of one character", "a\u009b31mb", "a\ufffd31mb"},
		{"next line", "a\u0085b", "a\ufffdb"},
		{"direction of writing", "a\u202eb\u2066c\u200fd", "a\ufffdb\ufffdc\ufffdd"},
		{"as long as may be", strings.Repeat("x", longestText), strings.Repeat("x", longestText)},
		{"too long", strings.Repeat("x", longestText+1), strings.Repeat("x", longestText) + "..."},
		{"cut between letters", strings.Repeat("x", longestText-1) + "ü", strings.Repeat("x", longestText-1) + "..."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := harmless(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
