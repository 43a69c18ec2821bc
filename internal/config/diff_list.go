package config

import (
	"slices"
	"strings"

	"sallyport/internal/config/document"
)

func sameValue(old, new document.Setting) bool {
	return old.Text == new.Text && slices.Equal(old.Items, new.Items)
}

// listText says which items a list has gained and lost.
func listText(old, new []string) string {
	var parts []string
	gained, lost := without(new, old), without(old, new)
	if len(gained) > 0 {
		parts = append(parts, strings.Join(gained, ", ")+" added")
	}
	if len(lost) > 0 {
		parts = append(parts, strings.Join(lost, ", ")+" removed")
	}
	if len(parts) == 0 {
		return "the order is now " + strings.Join(new, ", ")
	}
	return strings.Join(parts, ", ")
}

// without returns the items that are not among others.
func without(items, others []string) []string {
	known := make(map[string]bool, len(others))
	for _, item := range others {
		known[item] = true
	}
	return slices.DeleteFunc(slices.Clone(items), func(item string) bool { return known[item] })
}
