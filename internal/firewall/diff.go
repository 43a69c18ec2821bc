package firewall

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"sallyport/policy"
)

// Diff says in words what is different in newer flows, one sentence each: what is opened and what is closed first, then what
// is said of flows that stay.
//
// Flows are compared by what passes, and not by their ids: a rule that is renamed and a range that is split open nothing.
// White space in texts makes no difference, because spreadsheets do not keep it.
func Diff(older, newer []Flow) []string {
	d := differ{older: sideOf(older), newer: sideOf(newer), found: make(map[finding][]Patch)}
	d.keys = keysOf(d.older, d.newer)
	for i, at := range d.keys {
		d.compare(int32(i), at)
	}
	return d.sentences()
}

// differ collects the differences of two lists of flows.
type differ struct {
	older, newer *side
	keys         []GuardKey // in the order of sentences
	found        map[finding][]Patch
}

// finding is what is said of sources towards one destination.
type finding struct {
	kind kind
	key  int32  // index in keys
	tail string // what follows the destination
}

// kind is what a sentence begins with.
type kind uint8

// In the order of sentences.
const (
	opened kind = iota
	closed
	blocked   // and nothing passed there before
	unblocked // and nothing passes all the same
	changed
)

var kindWords = [...]string{opened: "opened", closed: "closed", blocked: "blocked", unblocked: "no longer blocked", changed: "changed"}

// side is one of the two lists.
type side struct {
	flows           []Flow
	permits, denies map[GuardKey][]Patch // labels are indices of flows
	notes           map[int32]annotation
}

func sideOf(flows []Flow) *side {
	s := side{flows, make(map[GuardKey][]Patch), make(map[GuardKey][]Patch), make(map[int32]annotation)}
	for i := range flows {
		f := &flows[i]
		list := s.permits
		if f.Action == Deny {
			list = s.denies
		}
		ports := f.Source.Ports
		ports.First = max(ports.First, 1) // nothing comes from port 0, and "any" may be written with and without it
		list[f.GuardKey()] = append(list[f.GuardKey()], Patch{f.Source.Prefix.Masked().Addr(), policy.LastOf(f.Source.Prefix), ports, int32(i)})
	}
	return &s
}

func keysOf(sides ...*side) []GuardKey {
	all := make(map[GuardKey]bool)
	for _, s := range sides {
		for _, patches := range []map[GuardKey][]Patch{s.permits, s.denies} {
			for at := range patches {
				all[at] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), GuardKey.compare)
}

// compare finds the differences at one destination.
func (d *differ) compare(i int32, at GuardKey) {
	oldOpen, oldDenied := RegionOf(d.older.permits[at]), RegionOf(d.older.denies[at])
	newOpen, newDenied := RegionOf(d.newer.permits[at]), RegionOf(d.newer.denies[at])
	before, after := oldOpen.Minus(oldDenied), newOpen.Minus(newDenied)
	more, less := after.Minus(before), before.Minus(after)

	d.add(opened, i, more, func(l []int32) string { return ", by " + d.newer.causes(l) })
	d.add(closed, i, newDenied.Common(less), func(l []int32) string { return ", by " + d.newer.causes(l) })
	d.add(closed, i, less.Minus(newDenied), func(l []int32) string { return ", which " + d.older.causes(l) + " let pass" })

	d.add(blocked, i, newDenied.Minus(oldDenied).Minus(less), func(l []int32) string {
		return ", by " + d.newer.causes(l) + ", where nothing passed before"
	})
	d.add(unblocked, i, oldDenied.Minus(newDenied).Minus(more), func(l []int32) string {
		return ", by " + d.older.causes(l) + ", and nothing passes all the same"
	})
	d.add(changed, i, newOpen.Minus(oldOpen).Minus(more), func(l []int32) string {
		return ": " + d.newer.causes(l) + " would let it pass, and it is blocked"
	})
	d.add(changed, i, oldOpen.Minus(newOpen).Minus(less), func(l []int32) string {
		return ": " + d.older.causes(l) + " would let it pass no longer, and it was blocked"
	})

	d.compareNotes(i, d.older.permits[at], d.newer.permits[at])
	d.compareNotes(i, d.older.denies[at], d.newer.denies[at])
}

// compareNotes finds what is said otherwise of sources that both sides have.
func (d *differ) compareNotes(i int32, older, newer []Patch) {
	if len(older) == 0 || len(newer) == 0 {
		return
	}
	firstNew := int32(len(d.older.flows))
	both := slices.Clone(older)
	for _, p := range newer {
		p.Label += firstNew
		both = append(both, p)
	}
	d.add(changed, i, RegionOf(both), func(labels []int32) string {
		n, _ := slices.BinarySearch(labels, firstNew)
		if n == 0 || n == len(labels) {
			return "" // only one side has it
		}
		var before, after []annotation
		for _, l := range labels[:n] {
			before = append(before, d.older.note(l))
		}
		for _, l := range labels[n:] {
			after = append(after, d.newer.note(l-firstNew))
		}
		return changesOf(before, after)
	})
}

// add notes a region, by what its labels have to say. Nothing to say is no difference.
func (d *differ) add(k kind, key int32, r Region, tail func(labels []int32) string) {
	for _, slab := range r {
		for _, span := range slab.Spans {
			if text := tail(span.Labels); text != "" {
				f := finding{k, key, text}
				d.found[f] = append(d.found[f], Patch{slab.First, slab.Last, span.PortRange, 0})
			}
		}
	}
}

// sentences returns all findings in their order, what touches in one.
func (d *differ) sentences() []string {
	type sentence struct {
		finding
		slab Slab
	}
	var all []sentence
	for key, patches := range d.found {
		for _, slab := range RegionOf(patches) {
			all = append(all, sentence{key, slab})
		}
	}
	slices.SortFunc(all, func(a, b sentence) int {
		return cmp.Or(
			cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.key, b.key),
			a.slab.First.Compare(b.slab.First),
			cmp.Compare(a.slab.Spans[0].First, b.slab.Spans[0].First),
			strings.Compare(a.tail, b.tail),
			a.slab.Last.Compare(b.slab.Last),
		)
	})
	names := d.names()
	var texts []string
	for _, s := range all {
		texts = append(texts, kindWords[s.kind]+": "+s.slab.String()+" to "+names[s.key]+s.tail)
	}
	return texts
}
