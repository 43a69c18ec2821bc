package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct{ a, b, common, without string }{
		{"", "", "", ""},
		{"1-5", "", "", "1-5"},
		{"1-5", "3", "3", "1-2,4-5"},
		{"1-5", "1,5", "1,5", "2-4"},
		{"1-5", "4-9", "4-5", "1-3"},
		{"1-65535", "0-65534", "1-65534", "65535"},
		{"10-20,30-40", "15-35", "15-20,30-35", "10-14,36-40"},
		{"10-20", "1-65535", "10-20", ""},
	} {
		t.Run(c.a+" and "+c.b, func(t *testing.T) {
			a, b := portRanges(t, c.a), portRanges(t, c.b)
			if diff := cmp.Diff(c.common, rangesText(policy.CommonPorts(a, b))); diff != "" {
				t.Errorf("common (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.without, rangesText(rangesWithout(a, b))); diff != "" {
				t.Errorf("without (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseKernelSpan(t *testing.T) {
	got, err := parseKernelSpan("32768\t60999\n")
	if want := (policy.PortRange{First: 32768, Last: 60999}); got != want || err != nil {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"", "1", "1 2 3", "2 1", "a b", "1 65536"} {
		if got, err := parseKernelSpan(text); err == nil {
			t.Errorf("%q: no error but %v", text, got)
		}
	}
}

// FuzzParseKernelRanges holds a list against the set of its ports.
func FuzzParseKernelRanges(f *testing.F) {
	for _, text := range []string{"", "8080\n", "1-5,3-9,10", "0-65535", "5-1", "1,,2", "-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ranges, err := parseKernelRanges(text)
		if err != nil {
			return
		}
		for i := 1; i < len(ranges); i++ {
			if int(ranges[i].First) <= int(ranges[i-1].Last)+1 {
				t.Fatalf("%q: %v is not merged", text, ranges)
			}
		}
		again, err := parseKernelRanges(rangesText(ranges))
		if diff := cmp.Diff(ranges, again); diff != "" || err != nil {
			t.Errorf("%q: written and read again (-want +got), %v:\n%s", text, err, diff)
		}
		if rest := rangesWithout(ranges, ranges); len(rest) > 0 {
			t.Errorf("%q: %v is left of it without itself", text, rest)
		}
	})
}
