package ruleset

import "sallyport/internal/firewall"

// answer is a truth of which there are three.
type answer uint8

const (
	no answer = iota
	perhaps
	yes
)

func (a answer) not() answer { return yes - a }

// extent is the sources for which a condition holds. While must and can are nil, the answer is the same for all sources; otherwise
// it holds for certain where must does, perhaps where can does, and answer is perhaps.
type extent struct {
	answer    answer
	must, can firewall.Region
	split     bool // must and can count
	capped    bool // it would hold if a limit were reached, and as none is, does not
}

// regions returns the sources for which it holds for certain, and those for which it may.
func (e extent) regions(v6 bool) (must, can firewall.Region) {
	switch {
	case e.split:
		return e.must, e.can
	case e.answer == no:
		return nil, nil
	case e.answer == yes:
		all := everywhere(v6)
		return all, all
	default:
		return nil, everywhere(v6)
	}
}

// splitAt returns the extent of regions.
func splitAt(must, can firewall.Region) extent {
	if len(can) == 0 {
		return extent{answer: no}
	}
	return extent{answer: perhaps, must: must, can: can, split: true}
}

// and returns where both hold.
func (e extent) and(o extent) extent {
	switch {
	case e.answer == no || o.answer == no:
		return extent{}
	case !e.split && e.answer == yes:
		return o
	case !o.split && o.answer == yes:
		return e
	case !e.split && !o.split:
		return extent{answer: perhaps}
	case !e.split: // perhaps
		return splitAt(nil, o.can)
	case !o.split:
		return splitAt(nil, e.can)
	case sameRegion(e.must, e.can) && sameRegion(o.must, o.can):
		both := e.can.Common(o.can)
		return splitAt(both, both)
	default:
		return splitAt(e.must.Common(o.must), e.can.Common(o.can))
	}
}

// not returns where it does not hold.
func (e extent) not(v6 bool) extent {
	if !e.split {
		return extent{answer: e.answer.not()}
	}
	all := everywhere(v6)
	return splitAt(all.Minus(e.can), all.Minus(e.must))
}

// sameRegion reports whether two regions are one in memory, as those of what is certain are.
func sameRegion(a, b firewall.Region) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
