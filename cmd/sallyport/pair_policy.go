package main

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/internal/config"
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
			c.warn(aboutPolicy, "%s%s", change, c.places(change))
		} else {
			c.error(aboutPolicy, "%s%s", change, c.places(change))
		}
	}
}

// cosmetic reports whether a change has no effect on who passes: tests, what is there for people, and what is only
// written otherwise.
func cosmetic(c policy.Change) bool {
	return c.Section == policy.TestSection || slices.Contains([]string{"owner", "ticket", "reason"}, c.Field) ||
		c.Kind == policy.Changed && strings.HasSuffix(c.Text, "means the same")
}

// places tells where both halves have what is different, as far as they have it.
func (c *comparison) places(change policy.Change) string {
	var texts []string
	for _, p := range []*partner{c.a, c.b} {
		if at := p.placeOf(change); at != (config.Position{}) {
			texts = append(texts, at.String())
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", strings.Join(texts, ", "))
}

// placeOf returns where a policy has what a change is about; the zero position if it has not, or if that has no name.
func (p *partner) placeOf(change policy.Change) config.Position {
	source := &p.policy.Source
	index := 0
	switch change.Section {
	case policy.ClientSection:
		index = slices.IndexFunc(source.Clients, func(c policy.Client) bool { return c.Name == change.Name })
	case policy.GroupSection:
		index = slices.IndexFunc(source.Groups, func(g policy.Group) bool { return g.Name == change.Name })
	case policy.AllowSection:
		index = slices.IndexFunc(source.Rules, func(r policy.Rule) bool { return r.ID == change.Name })
	case policy.BlockSection:
		index = slices.IndexFunc(source.Blocks, func(b policy.Block) bool { return b.ID == change.Name })
	case policy.TestSection:
		index = -1
	}
	return p.policy.Position(change.Section, index, change.Field)
}
