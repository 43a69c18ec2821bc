package matrix

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// nameRune reports whether a character may be in the names of a policy.
func nameRune(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-", c)
}

// usableName returns a name that a policy takes: it has a letter in it and is not built in.
func usableName(prefix, text string) string {
	name := identifier(text)
	switch {
	case name == "":
		return prefix
	case name == policy.AnyName, name == policy.LoopbackName, !strings.ContainsFunc(name, unicode.IsLetter):
		return prefix + "-" + name
	default:
		return name
	}
}

// identifier returns text with nothing in it that names cannot have, empty if there is nothing left.
func identifier(text string) string {
	var b strings.Builder
	gap := false
	for _, c := range text {
		if nameRune(c) {
			b.WriteRune(c)
		} else if !gap || c == ':' { // each of which counts in an address
			b.WriteByte('-')
		}
		gap = !nameRune(c)
	}
	return strings.Trim(draft.Cut(b.String(), draft.LongestName), "-")
}

// clientName returns what the client of the row is called. Without a name of its own it is called after its first address.
func (r *row) clientName() string {
	if identifier(r.name) != "" {
		return usableName("host", r.name)
	}
	first := slices.MinFunc(r.sources, netip.Prefix.Compare)
	switch {
	case first.Bits() == 0:
		return "anybody"
	case first.IsSingleIP():
		return usableName("host", first.Addr().String())
	default:
		return usableName("net", first.String())
	}
}
