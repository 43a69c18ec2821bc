package suggest

import (
	"cmp"
	"slices"
	"strings"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// The most different certificates of one client that a rule names one by one.
const mostCertificates = 8

// certificates are what the sessions of a cell showed. The zero value is before the first of them.
type certificates struct {
	begun    bool
	common   []policy.Identity   // that all sessions showed, best first
	lists    [][]policy.Identity // what each different certificate says; nil if there are too many
	tooMany  bool
	bareOnce bool // a session showed none that a rule can name
}

// add takes the identities that a session showed into account.
func (c *certificates) add(shown []policy.Identity) {
	if !c.begun {
		c.begun, c.common = true, cloned(shown)
	}
	if !slices.Equal(c.common, shown) {
		c.common = common(c.common, shown)
	}
	known := func(list []policy.Identity) bool { return slices.Equal(list, shown) }
	switch {
	case len(shown) == 0:
		c.bareOnce = true
	case c.tooMany || slices.ContainsFunc(c.lists, known):
	case len(c.lists) == mostCertificates:
		c.lists, c.tooMany = nil, true
	default:
		c.lists = append(c.lists, cloned(shown))
	}
}

// cloned copies identities from a line, which would stay in memory with them.
func cloned(list []policy.Identity) []policy.Identity {
	list = slices.Clone(list)
	for i := range list {
		list[i].Value = strings.Clone(list[i].Value)
	}
	return list
}

// any returns identities of which every session showed one at least, as few as are easily found; none if
// there are too many, or if a session showed none.
func (c *certificates) any() []policy.Identity {
	if c.bareOnce || c.tooMany {
		return nil
	}
	var chosen []policy.Identity
	for rest := c.lists; len(rest) > 0; {
		best := mostCommon(rest)
		chosen = append(chosen, best)
		rest = slices.DeleteFunc(slices.Clone(rest), func(list []policy.Identity) bool { return slices.Contains(list, best) })
	}
	slices.SortFunc(chosen, compareIdentities)
	return chosen
}

// mostCommon returns the identity that is in most of the lists; of several, the best.
func mostCommon(lists [][]policy.Identity) policy.Identity {
	in := make(map[policy.Identity]int)
	var best policy.Identity
	for _, list := range lists {
		for _, identity := range list {
			in[identity]++
		}
	}
	for identity, n := range in {
		if c := cmp.Or(cmp.Compare(n, in[best]), compareIdentities(best, identity)); c > 0 {
			best = identity
		}
	}
	return best
}

// demands is the key of a list of identities.
func demands(list []policy.Identity) string {
	texts := draft.Texts(list, policy.Identity.String)
	return strings.Join(texts, "\x00")
}
