package suggest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseIdentities(t *testing.T) {
	tests := []struct {
		name string
		list string
		want []string
	}{
		{"none", "", nil},
		{"the best first", "cn:a email:b@example.com dns:c.example.com uri:spiffe://example.com/d",
			[]string{"uri:spiffe://example.com/d", "dns:c.example.com", "email:b@example.com", "cn:a"}},
		{"each once", "dns:a dns:A dns:a.", []string{"dns:a"}},
		{"kinds that rules should not demand", "ou:a ip:10.0.0.1 spki:" + hash + " sha256:" + hash, nil},
		{"names that are patterns in a policy", "dns:*.example.com uri:spiffe://example.com/* dns:a.example.com", []string{"dns:a.example.com"}},
		{"quoted, with a space", `dns:a "cn:T Server \"east\"" dns:b`, []string{"dns:a", "dns:b", `cn:T Server "east"`}},
		{"the rest of a name with a space", "dns:a cn:T Server dns:b", []string{"dns:a", "dns:b"}},
		{"cut", "dns:a dns:example.c...", []string{"dns:a"}},
		{"cut within quotes", `dns:a "cn:T Ser...`, []string{"dns:a"}},
		{"characters that cannot be printed", "\"cn:a\\x1b[2J\" \"cn:a\\nb\" dns:b", []string{"dns:b"}},
		{"what every host calls itself", "dns:localhost dns:localhost.localdomain cn:localhost dns:a", []string{"dns:a"}},
		{"the fuller name", "dns:a dns:b.example.com", []string{"dns:b.example.com", "dns:a"}},
		{"no identities at all", "one two", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, identity := range clean(readIdentities(test.list)) {
				got = append(got, identity.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("identities (-want +got):\n%s", diff)
			}
		})
	}
}

const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
