package main

import (
	"slices"
	"strconv"
	"strings"
)

func (n *nftParser) inChain(chain *nftChain, word string) {
	if word == "comment" {
		n.comment()
		return
	}
	statement := append([]string{word}, n.statement()...)
	switch word {
	case "type":
		chain.hook, chain.policy = statement[3], "accept" // type filter hook input priority ...
	case "policy":
		chain.policy = statement[1]
	default:
		rule := nftParser{tokens: statement, set: n.set}
		chain.rules = append(chain.rules, rule.rule())
	}
}

// rule reads matches and statements, of which the last may decide.
func (n *nftParser) rule() nftRule {
	r := nftRule{decide: func(*packet) string { return "" }}
	fixed := func(verdict string) { r.decide = func(*packet) string { return verdict } }
	unless := func(over bool) {
		if over {
			r.matches = append(r.matches, never)
		}
	}
	for n.more() {
		switch word := n.next(); word {
		case "accept", "drop", "return", "continue":
			fixed(word)
		case "jump", "goto":
			fixed(word + " " + n.next())
		case "reject":
			n.options("with", "tcp", "reset", "icmpx", "port-unreachable")
			fixed("drop")
		case "counter":
			n.counter()
		case "comment":
			n.comment()
		case "limit":
			unless(n.limit())
		case "update", "add":
			n.next() // the set
			unless(n.dynamic())
		default:
			n.match(&r, word)
		}
	}
	return r
}

// options takes all of these words that follow.
func (n *nftParser) options(words ...string) {
	for slices.Contains(words, n.peek()) {
		n.next()
	}
}

func (n *nftParser) counter() {
	if n.took("packets") {
		n.next()
		n.want("bytes")
		n.next()
	}
	if n.took("name") {
		n.next()
	}
}

func never(*packet) bool { return false }

// limit reads "rate [over] 10/second [burst 20 packets]", or "name KEY map @limits", all of which are for what exceeds them. It reports
// whether it matches what exceeds it, which nothing does.
func (n *nftParser) limit() (over bool) {
	if n.took("name") {
		for !strings.HasPrefix(n.next(), "@") {
			continue
		}
		return true
	}
	n.want("rate")
	over = n.took("over")
	if rate := n.next(); !strings.Contains(rate, "/") {
		panic("rate " + rate)
	}
	if n.took("burst") {
		n.next()
		n.want("packets")
	}
	return over
}

// dynamic reads "{ ip saddr [and mask] limit ... }".
func (n *nftParser) dynamic() (over bool) {
	n.want("{")
	for !n.took("}") {
		switch n.next() {
		case "limit":
			over = n.limit()
		case "ct": // ct count over 4
			n.want("count")
			over = n.took("over")
			n.next()
		}
	}
	return over
}

// match reads "selector [. selector]... [operator] right", or a vmap.
func (n *nftParser) match(r *nftRule, word string) {
	if word == "meta" && n.took("time") {
		n.time(r)
		return
	}
	from := []selector{n.selector(word)}
	for n.took(".") {
		from = append(from, n.selector(n.next()))
	}
	read := func(p *packet) (values []value, present bool) {
		values = make([]value, len(from))
		for i, find := range from {
			if values[i], present = find(p); !present {
				return nil, false
			}
		}
		return values, true
	}
	if n.took("vmap") {
		set := n.right()
		r.decide = func(p *packet) string {
			values, present := read(p)
			if !present {
				return ""
			}
			if e := set.find(values, p.at); e != nil {
				return e.verdict
			}
			return ""
		}
		return
	}
	inverted := n.took("!=")
	if !inverted {
		n.took("==")
	}
	set := n.right()
	r.matches = append(r.matches, func(p *packet) bool {
		values, present := read(p)
		return present && (set.find(values, p.at) != nil) != inverted
	})
}

func (n *nftParser) selector(word string) selector {
	word += " " + n.next()
	found := selectorOf(word)
	if found == nil {
		panic("selector " + word)
	}
	if n.took("&") {
		for _, token := range []string{"(fin", "|", "syn", "|", "rst", "|", "ack)"} {
			n.want(token)
		}
	}
	return found
}

// right reads what is compared with: a named set, elements, or values with commas between them.
func (n *nftParser) right() *nftSet {
	if strings.HasPrefix(n.peek(), "@") {
		name := n.next()
		set, known := n.set.sets[name]
		if !known {
			panic("no set " + name)
		}
		return set
	}
	if n.peek() == "{" {
		return &nftSet{elements: n.elements()}
	}
	set := &nftSet{elements: []nftElement{{key: []interval{parseInterval(n.next())}}}}
	for n.took(",") {
		set.elements = append(set.elements, nftElement{key: []interval{parseInterval(n.next())}})
	}
	return set
}

// time reads "< 1798848000", seconds in UTC.
func (n *nftParser) time(r *nftRule) {
	operator := n.next()
	seconds, err := strconv.ParseInt(n.next(), 10, 64)
	if err != nil {
		panic(err)
	}
	switch operator {
	case "<":
		r.matches = append(r.matches, func(p *packet) bool { return p.at.Unix() < seconds })
	case ">=":
		r.matches = append(r.matches, func(p *packet) bool { return p.at.Unix() >= seconds })
	default:
		panic("meta time " + operator)
	}
}
