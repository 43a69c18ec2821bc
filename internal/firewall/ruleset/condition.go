package ruleset

import "net/netip"

// condition is one thing that a packet has to have for a rule to hold.
type condition struct {
	kind      conditionKind
	text      string // as a reader of the ruleset knows it
	holds     bool   // of a limiting condition: whether it holds within the limit
	settled   byStage[bool]
	selectors []selector
	set       *Set // of what the selectors must be in
	negated   bool
}

type conditionKind uint8

const (
	matching conditionKind = iota
	doubtful               // it cannot be told whether it holds
	limiting               // it holds as long as there are not too many
	settled                // the same for every TCP connection
)

// field is what a selector looks at.
type field uint8

const (
	unknownField field = iota
	sourceAddress
	sourcePort
	destinationAddress
	destinationPort
	transport // number of the protocol
	network   // IPv4 or IPv6
	connectionState
	direction       // of the connection
	inputInterface  // by name
	outputInterface // by name
	destinationKind // local, broadcast, ...
	packetKind      // host, broadcast, ...
	moment          // seconds since 1970
	constant        // which a packet of the stage always has
)

// selector is a field of a packet. Packets of the wrong family do not have it, and no rule that asks for it holds for them.
type selector struct {
	field  field
	family Family          // IPv4 or IPv6 if only they have it
	value  byStage[uint64] // of a constant
	name   string

	original bool // it looks at the first packet of the connection, whatever packet comes
}

// interval is the values of a field that are meant.
type interval struct {
	kind        intervalKind
	first, last netip.Addr
	low, high   uint64
	word        string
	vague       bool // a time without a zone
}

type intervalKind uint8

const (
	opaque intervalKind = iota // not understood
	everything
	addresses
	numbers
	word
)

// addressesOf returns an interval of addresses.
func addressesOf(first, last netip.Addr) interval {
	return interval{kind: addresses, first: first, last: last}
}

// numbersOf returns an interval of numbers.
func numbersOf(low, high uint64) interval { return interval{kind: numbers, low: low, high: high} }

// wordOf returns a value that has a name.
func wordOf(text string) interval { return interval{kind: word, word: text} }

// oneOf returns a condition on one field.
func oneOf(text string, s selector, negated bool, values ...interval) condition {
	set := &Set{elements: make([]element, len(values))}
	for i, v := range values {
		set.elements[i].box = []interval{v}
	}
	return condition{text: text, selectors: []selector{s}, set: set, negated: negated}
}

// doubt returns a condition that cannot be told.
func doubt(text string) condition { return condition{kind: doubtful, text: text} }

// settle returns a condition whose answer is known.
func settle(text string, holds bool) condition {
	return condition{kind: settled, text: text, settled: byStage[bool]{holds, holds, holds}}
}

// settleFlags returns a condition whose answer follows from the flags of TCP.
func settleFlags(text string, holds func(flags uint64) bool) condition {
	return condition{kind: settled, text: text, settled: each(tcpFlags(), holds)}
}

// ofSource reports whether a condition tells sources apart.
func (c *condition) ofSource() bool {
	for _, s := range c.selectors {
		if s.field == sourceAddress || s.field == sourcePort {
			return true
		}
	}
	return false
}
