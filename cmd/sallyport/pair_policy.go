package main

import (
	"slices"
	"strings"

	"sallyport/policy"
)

// policies compares who may connect. What lets the same sessions pass on both halves is a warning.
func (c *comparison) policies() {
	if c.a.policy.Hash == c.b.policy.Hash {
		return
	}
	changes := policy.Diff(&c.a.policy.Source, &c.b.policy.Source)
	for i, change := range changes {
		if i == mostChanges {
			c.warn(aboutPolicy, "and %d more", len(changes)-i)
			break
		}
		if cosmetic(change) {
			c.warn(aboutPolicy, "%s", change)
		} else {
			c.error(aboutPolicy, "%s", change)
		}
	}
}

// cosmetic reports whether a change has no effect on who passes: tests, what is there for people, and what is only
// written otherwise.
func cosmetic(c policy.Change) bool {
	return c.Section == policy.TestSection || slices.Contains([]string{"owner", "ticket", "reason"}, c.Field) ||
		c.Kind == policy.Changed && strings.HasSuffix(c.Text, "means the same")
}
