package ruleset

import (
	"fmt"
	"math"
	"slices"
)

// matchOf reads a match.
func matchOf(t *Table, body any) (condition, error) {
	op, right := text(body, "op"), member(body, "right")
	c := condition{text: renderMatch(body), selectors: selectorsOf(member(body, "left"))}
	first := c.selectors[0]
	switch op {
	case "==", "in", "":
	case "!=", "!":
		c.negated = true
	case "<", ">", "<=", ">=":
		limit, ok := bound(op, valueOf(right))
		if !ok {
			return doubt(c.text), nil
		}
		return oneOf(c.text, first, false, limit), nil
	default:
		return doubt(c.text), nil
	}
	switch list, isList := right.([]any); {
	case first.field == unknownField && len(c.selectors) == 1:
		c.set = &Set{elements: []element{{box: []interval{{}}}}} // packets may lack it, or else it cannot be told
		return c, nil
	case first.field == constant:
		return constantMatch(c, op, first.value, right), nil
	case isList && (op == "in" || op == "!"): // any of some bits
		c.set = &Set{elements: make([]element, len(list))}
		for i, bit := range list {
			c.set.elements[i].box = []interval{valueOf(bit)}
		}
		return c, nil
	case isList:
		return doubt(c.text), nil
	}
	set, err := setOf(t, right)
	if err != nil {
		return c, err
	}
	if set == nil {
		e, err := elementOf(right)
		if err != nil {
			return c, err
		}
		set = &Set{elements: []element{e}}
	}
	c.set = set
	return c, nil
}

// bound returns the numbers that a comparison leaves.
func bound(op string, v interval) (interval, bool) {
	if v.kind != numbers || v.low != v.high {
		return v, false
	}
	limit := v
	switch {
	case op == "<" && v.low == 0, op == ">" && v.low == math.MaxUint64:
		return v, false
	case op == "<":
		limit.low, limit.high = 0, v.low-1
	case op == "<=":
		limit.low = 0
	case op == ">":
		limit.low, limit.high = v.low+1, math.MaxUint64
	default:
		limit.high = math.MaxUint64
	}
	return limit, true
}

// constantMatch compares what every packet of a stage has.
func constantMatch(c condition, op string, value byStage[uint64], right any) condition {
	wanted := []any{right}
	if set, isSet := member(right, "set").([]any); isSet {
		wanted, op = set, "=="
	}
	var all []uint64
	for _, one := range wanted {
		bits, ok := bitsOf(one)
		if !ok {
			return doubt(c.text)
		}
		all = append(all, bits)
	}
	holds := each(value, func(v uint64) bool {
		if op == "in" || op == "!" {
			return (v&all[0] != 0) != c.negated
		}
		return slices.Contains(all, v) != c.negated
	})
	return condition{kind: settled, text: c.text, settled: holds}
}

// bitsOf reads flags: a number, a name, or several.
func bitsOf(value any) (uint64, bool) {
	switch v := value.(type) {
	case string:
		bit, ok := tcpFlag(v)
		return bit, ok
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case []any:
		return unite(v)
	case map[string]any:
		list, isList := v["|"].([]any)
		if !isList || len(v) != 1 {
			return 0, false
		}
		return unite(list)
	default:
		return whole(value)
	}
}

func unite(list []any) (uint64, bool) {
	all := uint64(0)
	for _, one := range list {
		bits, ok := bitsOf(one)
		if !ok {
			return 0, false
		}
		all |= bits
	}
	return all, true
}

// The flags of a packet that opens a connection, among those that tell.
const (
	synOnly = 0x02
	synMask = 0x17 // FIN, SYN, RST, ACK
)

// tcpFlag returns the bit of a TCP flag.
// RFC 9293, section 3.1
func tcpFlag(name string) (uint64, bool) {
	for i, known := range []string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"} {
		if name == known {
			return 1 << i, true
		}
	}
	return 0, false
}

// setOf returns the set that is meant, anonymous or named, and nil if something else than a set is.
func setOf(t *Table, value any) (*Set, error) {
	if name, ok := value.(string); ok && len(name) > 1 && name[0] == '@' {
		if s := t.sets[name[1:]]; s != nil {
			return s, nil
		}
		return nil, fmt.Errorf("it names set %q, which was not listed before", name[1:])
	}
	list, ok := member(value, "set").([]any)
	if !ok {
		if single := member(value, "set"); single != nil { // of one element
			list = []any{single}
		} else {
			return nil, nil
		}
	}
	set := &Set{elements: make([]element, 0, len(list))}
	for _, value := range list {
		e, err := elementOf(value)
		if err != nil {
			return nil, err
		}
		set.elements = append(set.elements, e)
	}
	return set, nil
}
