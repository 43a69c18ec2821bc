package policy

import (
	"math"
	"slices"
	"time"

	"github.com/gaissmai/bart"
)

// Set is a compiled policy. It is immutable and safe for concurrent use; the zero value and
// a nil *Set deny everything.
type Set struct {
	src *Source
	now time.Time // when it was compiled

	ports      map[portKey]*door
	rules      []rule            // in rank: of several that allow a session the first one decides
	blocks     bart.Table[int32] // prefix to index in src.Blocks
	needTLS    *table            // clients with require_tls; nil for none
	exempt     *table            // from lock-out; nil for none
	identities map[Identity]uint32
	kinds      uint32 // of identities: kindBit and patternBit
	audit      bool
	roster     *roster
}

// portKey names a port.
type portKey struct{ application, id string }

// door is a port with the rules that name it.
type door struct {
	*Port
	audit  bool
	layers []layer
	rules  []int32 // in the order of ids, those that are off included
}

// layer is a table with what its classes may do at one port.
type layer struct {
	table  *table
	grants []*grant          // by class
	rules  map[int32][]int32 // by principal, in rank, without those that are off
}

// rule is what a decision needs of a rule, side by side in memory.
type rule struct {
	id     string
	audit  bool
	order  int32 // of the id among all ids
	limits *Limits
	begins int64 // Unix time, included
	ends   int64 // Unix time, not included
	index  int   // in the source
	*Rule
}

// compiled returns r with its days as times. A day is one of UTC.
func compiled(r *Rule, index int) rule {
	c := rule{id: r.ID, audit: r.Mode == AuditRule, begins: math.MinInt64, ends: math.MaxInt64, index: index, Rule: r}
	if r.Limits != (Limits{}) {
		c.limits = &r.Limits
	}
	if !r.ValidFrom.IsZero() {
		c.begins = dayOf(r.ValidFrom).Unix()
	}
	if !r.Expires.IsZero() {
		c.ends = dayOf(r.Expires).AddDate(0, 0, 1).Unix()
	}
	return c
}

// dated reports whether the rule is not valid for ever.
func (r *rule) dated() bool { return r.begins != math.MinInt64 || r.ends != math.MaxInt64 }

// validAt reports whether the rule is valid at a Unix time.
func (r *rule) validAt(now int64) bool {
	return !r.dated() || now != unknownTime && r.begins <= now && now < r.ends
}

// dayOf returns the beginning of a day, UTC.
func dayOf(t time.Time) time.Time {
	year, month, day := t.UTC().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Source returns what the set was compiled from. It must not be changed.
func (s *Set) Source() *Source { return s.src }

// NextExpiry returns the first moment after a time at which rules expire, and their ids in order;
// the zero time if none does any more. Rules that are off do not count.
func (s *Set) NextExpiry(after time.Time) (at time.Time, rules []string) {
	if s == nil {
		return time.Time{}, nil
	}
	next := int64(math.MaxInt64)
	for i := range s.rules {
		switch r := &s.rules[i]; {
		case r.Mode == Off || r.ends == math.MaxInt64 || r.ends <= after.Unix() || r.ends > next:
		case r.ends < next:
			next, rules = r.ends, []string{r.id}
		default:
			rules = append(rules, r.id)
		}
	}
	if rules == nil {
		return time.Time{}, nil
	}
	slices.Sort(rules)
	return time.Unix(next, 0).UTC(), rules
}
