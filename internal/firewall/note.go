package firewall

import (
	"slices"
	"strings"

	"sallyport/policy"
)

// returnTraffic is what an export relies on for the packets in the other direction.
const returnTraffic = "Return traffic relies on connection tracking: what belongs to a connection that was let pass, passes in both directions."

// notes says what a reader of any export has to know.
func (b *builder) notes() {
	b.note(returnTraffic)
	b.note("What the firewall cannot know (TLS, identities, connections at once) is up to sallyport.")
	if b.Policy == nil || b.Policy.Source() == nil {
		return
	}
	src := b.Policy.Source()
	if src.Audit.All || len(src.Audit.Ports) > 0 {
		b.note("Audit mode lets everything pass at %s, and so does this export.", audited(src))
	}
	rules := slices.SortedFunc(slices.Values(src.Rules), func(a, b policy.Rule) int { return strings.Compare(a.ID, b.ID) })
	for i := range rules {
		if text := b.absent(&rules[i]); text != "" {
			b.note("Rule %s %s and is left out.", rules[i].ID, text)
		}
	}
}

func audited(src *policy.Source) string {
	if src.Audit.All {
		return "all ports"
	}
	return strings.Join(src.Audit.Ports, ", ")
}

// absent says why a rule has no flows at this time, or nothing.
func (b *builder) absent(r *policy.Rule) string {
	today := policy.DayText(b.Now)
	switch {
	case r.Mode == policy.Off:
		return "is off"
	case !r.ValidFrom.IsZero() && today < policy.DayText(r.ValidFrom):
		return "is valid from " + policy.DayText(r.ValidFrom) + " on"
	case !r.Expires.IsZero() && today > policy.DayText(r.Expires):
		return "was valid until " + policy.DayText(r.Expires)
	default:
		return ""
	}
}
