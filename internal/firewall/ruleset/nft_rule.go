package ruleset

import (
	"fmt"
	"strings"
)

// expression reads the statements of a rule.
type expression struct {
	table *Table
	rule  *Rule
	ended bool // by a verdict
}

// only returns the single member of a JSON object.
func only(value any) (key string, member any, ok bool) {
	object, _ := value.(map[string]any)
	if len(object) != 1 {
		return "", nil, false
	}
	for key, member = range object {
	}
	return key, member, true
}

// member returns a member of a JSON object, nil if there is none.
func member(value any, name string) any {
	object, _ := value.(map[string]any)
	return object[name]
}

// text returns a member that is a string, otherwise an empty one.
func text(value any, name string) string {
	s, _ := member(value, name).(string)
	return s
}

// statement reads one statement. Those that are not known leave the rule in doubt.
func (e *expression) statement(value any) error {
	if s, ok := value.(string); ok {
		value = map[string]any{s: nil}
	}
	key, body, ok := only(value)
	if !ok {
		return fmt.Errorf("a statement has to be an object with one member, not %s", plain(render(value)))
	}
	if e.ended {
		e.rule.verdict = verdict{action: unsure}
		return nil
	}
	r := e.rule
	switch key {
	case "match":
		c, err := matchOf(e.table, body)
		if err != nil {
			return err
		}
		e.require(c)
	case "vmap":
		return e.vmap(body)
	case "accept", "drop", "return", "jump", "goto", "reject", "continue":
		v, err := verdictOf(value)
		if err != nil {
			return err
		}
		e.decide(v)
	case "counter":
		r.Packets = packetsOf(body)
	case "log", "last", "secmark", "ct helper", "ct timeout", "ct expectation", "flow", "dup", "comment":
		// nothing becomes of the packet
	case "notrack":
		r.untracks = true
	case "mangle":
		e.mangle(body)
	case "limit", "ct count":
		e.limit(value, body)
	case "set":
		e.update(value, body)
	case "snat", "masquerade": // of the source, after everything was judged
		r.translates = true
		e.decide(verdict{action: accept})
	case "dnat", "redirect", "tproxy":
		r.translates = true
		e.decide(verdict{action: unsure})
	case "queue", "synproxy", "fwd":
		e.decide(verdict{action: unsure})
	case "xt":
		e.extension(value, body)
	case "quota":
		e.require(doubt(render(value)))
	default: // it may be a condition or a verdict
		e.require(doubt(render(value)))
		r.verdict = verdict{action: unsure}
	}
	return nil
}

func (e *expression) require(c condition) { e.rule.conditions = append(e.rule.conditions, c) }

func (e *expression) decide(v verdict) {
	if v.action != goOn {
		e.rule.verdict, e.ended = v, true
	}
}

// mangle is no matter as long as addresses and ports stay what they are.
func (e *expression) mangle(body any) {
	if kind, _, _ := only(member(body, "key")); kind != "meta" && kind != "ct" {
		e.decide(verdict{action: unsure})
	}
}

// limit reads a limit that the rule has itself, or that it shares with others by a name or by a map of names.
func (e *expression) limit(value, body any) {
	over, _ := member(body, "inv").(bool)
	if name, shared := body.(string); shared {
		known := false
		if over, known = e.table.limits[name]; !known {
			e.require(doubt(render(value)))
			return
		}
	}
	if choice := member(body, "map"); choice != nil {
		set, err := setOf(e.table, member(choice, "data"))
		if set == nil || err != nil {
			e.require(doubt(render(value)))
			return
		}
		e.require(condition{text: render(value), selectors: selectorsOf(member(choice, "key")), set: set})
		for _, one := range e.table.limits {
			if !one { // which it is, depends on the packet
				e.require(doubt(render(value)))
				return
			}
		}
		over = true
	}
	e.require(condition{kind: limiting, text: render(value), holds: !over})
}

// update reads a statement that adds to a set. What it asks besides is asked of each element.
func (e *expression) update(value, body any) {
	if s := e.table.sets[strings.TrimPrefix(text(body, "set"), "@")]; s != nil {
		s.Filled = true
	}
	statements, _ := member(body, "stmt").([]any)
	for _, s := range statements {
		switch key, limit, _ := only(s); key {
		case "limit", "ct count":
			over, _ := member(limit, "inv").(bool)
			e.require(condition{kind: limiting, text: render(value), holds: !over})
		case "counter", "last":
		default:
			e.require(doubt(render(value)))
		}
	}
}

// extension reads what iptables-nft has put into a rule and nft cannot say in its own words.
func (e *expression) extension(value, body any) {
	name := text(body, "name")
	switch {
	case text(body, "type") == "target":
		e.target(name)
	case name != "comment":
		e.table.opaque = true
		e.require(doubt(render(value)))
	}
}

// target reads a target of iptables.
func (e *expression) target(name string) {
	v, translates := targetOf(name)
	e.rule.translates = translates
	e.decide(v)
}

// vmap reads a verdict map.
func (e *expression) vmap(body any) error {
	selectors := selectorsOf(member(body, "key"))
	set, err := setOf(e.table, member(body, "data"))
	if err != nil {
		return err
	}
	if set == nil {
		e.decide(verdict{action: unsure})
		return nil
	}
	e.rule.lookup, e.ended = &lookup{selectors, set}, true
	return nil
}

// verdictOf reads a verdict.
func verdictOf(value any) (verdict, error) {
	key, body, _ := only(value)
	switch key {
	case "accept":
		return verdict{action: accept}, nil
	case "drop", "reject":
		return verdict{action: drop}, nil
	case "return":
		return verdict{action: leave}, nil
	case "continue":
		return verdict{action: goOn}, nil
	case "queue":
		return verdict{action: unsure}, nil
	case "jump", "goto":
		target := text(body, "target")
		if target == "" {
			return verdict{}, fmt.Errorf("%s: it does not say to which chain", key)
		}
		if key == "jump" {
			return verdict{action: jump, name: target}, nil
		}
		return verdict{action: goTo, name: target}, nil
	default:
		return verdict{}, fmt.Errorf("%s is no verdict", plain(render(value)))
	}
}

// packetsOf returns what a counter counted.
func packetsOf(counter any) *uint64 {
	n, ok := whole(member(counter, "packets"))
	if !ok {
		return nil
	}
	return &n
}
