package policy

import (
	"cmp"
	"slices"
	"time"
)

// Compile checks a policy and prepares it for decisions. It returns everything that is
// wrong, in the order of the source; the set is nil unless all of it are warnings.
//
// now is the time for warnings about rules that expire and for tests without a time of their
// own. Decisions have their own time in [Facts].
func Compile(src *Source, now time.Time) (*Set, []Fault) {
	var f faults
	r := newResolver(src, &f)
	r.indexPorts()
	r.checkClients()
	r.nameGroups()
	r.checkGroups()
	r.checkIDs()
	r.checkRules()
	r.checkBlocks()
	r.checkDefaults()
	r.checkLockout()
	r.checkAudit()
	r.checkTests()
	r.checkUse()
	f.list = append(f.list, Expiring(src, now, ExpiryNotice)...)
	if f.failed() {
		return nil, f.sorted()
	}
	b := newBuilder(src, r.resolved, now)
	set := b.build()
	if set == nil {
		f.fail(spot{AllowSection, 0, "", -1}, "the policy is too large: its groups, source ports and identities multiply to more than it can hold",
			"large groups that different rules name for many different ports, and source ports that overlap, take the most room")
		return nil, f.sorted()
	}
	b.lint(&f)
	return set, f.sorted()
}

// The most entries that the tables of a policy may have together: more than ten times
// what 100,000 clients in 10,000 rules take, and about a gigabyte.
const tableBudget = 1 << 25

// builder makes a [Set] of a source without errors.
type builder struct {
	walk
	set    *Set
	budget int

	numbers    map[element]int32 // of the elements that rules name, in the order of counting
	principals []element         // by number
	sizes      map[int32]int     // leaves of a principal
	tables     map[string]*table // by their principals
	plans      map[string][]layer
	grants     grants
}

func newBuilder(src *Source, names *resolved, now time.Time) *builder {
	b := &builder{
		walk:    newWalk(newRoster(src, names)),
		budget:  tableBudget,
		numbers: make(map[element]int32),
		sizes:   make(map[int32]int),
		tables:  make(map[string]*table),
		plans:   make(map[string][]layer),
	}
	b.set = &Set{src: src, now: now, roster: b.roster, identities: b.identities, audit: src.Audit.All}
	for identity := range b.identities {
		b.set.kinds |= kindBit(identity.Kind) // of patterns too: a certificate may have one as its name
		if identity.isPattern() {
			b.set.kinds |= patternBit(identity.Kind)
		}
	}
	return b
}

func (b *builder) build() *Set {
	b.rankRules()
	b.numberPrincipals()
	b.buildBlocks()
	b.buildSourceTables()
	b.buildDoors()
	if b.budget < 0 {
		return nil
	}
	return b.set
}

// rankRules puts the rules in the order in which they decide: those that are enforced
// first, then the most generous, then by id.
func (b *builder) rankRules() {
	rules := make([]rule, len(b.src.Rules))
	for i := range b.src.Rules {
		rules[i] = compiled(&b.src.Rules[i], i)
	}
	slices.SortFunc(rules, func(x, y rule) int { return cmp.Compare(x.ID, y.ID) })
	for i := range rules {
		rules[i].order = int32(i)
	}
	slices.SortStableFunc(rules, func(x, y rule) int {
		return cmp.Or(cmp.Compare(x.Mode, y.Mode), y.Limits.generosity(&x.Limits))
	})
	b.set.rules = rules
	b.grants = newGrants(rules)
}

// generosity compares limits: it is positive if l lets more pass than o.
func (l *Limits) generosity(o *Limits) int {
	return cmp.Or(
		compareBounds(float64(l.MaxConnections), float64(o.MaxConnections)),
		compareBounds(l.Rate.PerSecond(), o.Rate.PerSecond()),
		compareBounds(float64(l.Depth()), float64(o.Depth())))
}

// compareBounds compares bounds of which 0 is none at all.
func compareBounds(a, b float64) int {
	switch {
	case a == b:
		return 0
	case a == 0:
		return 1
	case b == 0:
		return -1
	default:
		return cmp.Compare(a, b)
	}
}

// Depth returns how many connections may come at once before the rate holds them back, 0 for any number.
func (l *Limits) Depth() int {
	if bucket := l.arrivals(); !bucket.none() {
		return bucket.burst
	}
	return l.Burst
}

// numberPrincipals gives every element of a from its number.
func (b *builder) numberPrincipals() {
	for _, from := range b.resolved.from {
		for _, e := range from {
			if _, known := b.numbers[e]; !known {
				b.numbers[e] = 0
				b.principals = append(b.principals, e)
			}
		}
	}
	slices.SortFunc(b.principals, b.compareElements)
	for i, e := range b.principals {
		b.numbers[e] = int32(i)
	}
}

func (b *builder) buildBlocks() {
	blocks := &b.set.blocks
	for i := range b.src.Blocks {
		for _, p := range b.src.Blocks[i].Addresses {
			other, taken := blocks.Get(p)
			if !taken || b.src.Blocks[i].ID < b.src.Blocks[other].ID {
				blocks.Insert(p, int32(i))
			}
		}
	}
}

// buildSourceTables makes the tables that look at source addresses and ports alone.
func (b *builder) buildSourceTables() {
	var strict, exempt []int32
	for i := range b.src.Clients {
		if b.src.Clients[i].RequireTLS {
			strict = append(strict, b.ofClient[i])
		}
	}
	for _, e := range b.resolved.exempt {
		b.expand(e, func(id int32) { exempt = append(exempt, id) })
	}
	b.set.needTLS, b.set.exempt = b.sourceTable(strict), b.sourceTable(exempt)
}

// sourceTable returns a table of leaves without their identities, or nil for none.
func (b *builder) sourceTable(ids []int32) *table {
	if len(ids) == 0 {
		return nil
	}
	leaves := make([]leaf, len(ids))
	member := make(map[int32][]int32, len(ids))
	for i, id := range ids {
		leaves[i] = b.leaves[id]
		leaves[i].identities = nil
		member[int32(i)] = []int32{0}
	}
	return newTable(leaves, member, &b.budget)
}
