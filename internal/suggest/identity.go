package suggest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"sallyport/policy"
)

// preferred are the kinds of identities that a rule should demand, best first. The others either name
// more than one client or change whenever a certificate is renewed.
var preferred = [...]policy.IdentityKind{policy.URIName, policy.DNSName, policy.EmailName, policy.CommonName}

// cutMark ends a value of which the log has only the beginning.
const cutMark = "..."

// readIdentities reads a list of identities, separated by spaces; one that has a space is quoted. What is
// no identity is left out. One before something that is no identity is as well: it may be the beginning
// of a name with a space.
func readIdentities(list string) []policy.Identity {
	var all []policy.Identity
	isCut := strings.HasSuffix(list, cutMark)
	for list = strings.TrimLeft(list, " "); list != ""; list = strings.TrimLeft(list, " ") {
		text, rest, ok := cutIdentity(list)
		if !ok || isCut && rest == "" {
			break
		}
		identity, err := policy.ParseIdentity(text)
		if err != nil && len(all) > 0 {
			all[len(all)-1] = policy.Identity{}
		}
		if err == nil {
			all = append(all, identity)
		}
		list = rest
	}
	return slices.DeleteFunc(all, func(i policy.Identity) bool { return i == policy.Identity{} })
}

// cutIdentity takes the first of a list.
func cutIdentity(list string) (text, rest string, ok bool) {
	if !strings.HasPrefix(list, `"`) {
		text, rest, _ = strings.Cut(list, " ")
		return text, rest, true
	}
	quoted, err := strconv.QuotedPrefix(list)
	if err != nil {
		return "", "", false
	}
	text, err = strconv.Unquote(quoted)
	return text, list[len(quoted):], err == nil
}

// clean returns the identities that rules can demand, best first, each once: those of a preferred kind
// that are no more than one (a certificate can be for *.example.com, which in a policy is a pattern), and
// not what every host calls itself.
func clean(all []policy.Identity) []policy.Identity {
	all = slices.DeleteFunc(all, func(i policy.Identity) bool {
		return !slices.Contains(preferred[:], i.Kind) || strings.Contains(i.Value, "*") || strings.TrimSuffix(i.Value, ".localdomain") == "localhost"
	})
	slices.SortFunc(all, compareIdentities)
	return slices.Compact(all)
}

// compareIdentities puts the better one first.
func compareIdentities(a, b policy.Identity) int {
	return cmp.Or(
		cmp.Compare(slices.Index(preferred[:], a.Kind), slices.Index(preferred[:], b.Kind)),
		cmp.Compare(strings.Count(b.Value, "."), strings.Count(a.Value, ".")), // the fuller name
		cmp.Compare(a.Value, b.Value))
}

// common returns what is in both lists.
func common(a, b []policy.Identity) []policy.Identity {
	return slices.DeleteFunc(slices.Clone(a), func(i policy.Identity) bool { return !slices.Contains(b, i) })
}
