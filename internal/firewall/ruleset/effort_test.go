package ruleset

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestEffortIsBounded gives up on chains that lead to one another in ever more ways, and on rules that leave ever more sources over.
func TestEffortIsBounded(t *testing.T) {
	var chains, jumps, sources strings.Builder
	for i := range 20 {
		fmt.Fprintf(&chains, ":c%d - [0:0]\n", i+1)
		from := "INPUT"
		if i > 0 {
			from = fmt.Sprintf("c%d", i)
		}
		fmt.Fprintf(&jumps, "-A %[1]s -s 10.0.0.0/8 -j c%[2]d\n-A %[1]s -s 10.0.0.0/9 -j c%[2]d\n", from, i+1)
	}
	for i := range 1000 {
		fmt.Fprintf(&sources, "-A INPUT -s 10.0.%d.%d/32 -j %s\n", i>>7, i<<1&0xff, []string{"ACCEPT", "DROP"}[i&1])
	}
	for _, c := range []struct {
		name, rules string
		effort      int
		want        error
	}{
		{"ways", chains.String() + jumps.String(), 10_000, ErrIntricate},
		{"sources", sources.String(), 10_000, ErrIntricate},
		{"sources, with time", sources.String(), 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &Judge{Ruleset: read(t, "*filter\n:INPUT ACCEPT [0:0]\n"+c.rules+"COMMIT\n"), effort: c.effort}
			if _, err := j.Judge(inbound); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
