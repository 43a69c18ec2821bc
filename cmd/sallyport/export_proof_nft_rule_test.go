package main

import (
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
		chain.rules = append(chain.rules, rule.rule(strings.Join(statement, " ")))
	}
}

// rule reads matches and statements, of which the last may decide.
func (n *nftParser) rule(text string) nftRule {
	r := nftRule{text: text, decide: func(*packet) string { return "" }}
	fixed := func(verdict string) { r.decide = func(*packet) string { return verdict } }
	for n.more() {
		switch word := n.next(); word {
		case "accept", "drop", "return", "continue":
			fixed(word)
		case "jump", "goto":
			fixed(word + " " + n.next())
		case "reject":
			fixed("drop")
			for n.took("with") || n.took("tcp") || n.took("reset") || n.took("icmp") || n.took("icmpv6") || n.took("icmpx") || n.took("type") || n.took("port-unreachable") || n.took("admin-prohibited") {
			}
		case "counter":
			if n.took("packets") {
				n.next()
				n.want("bytes")
				n.next()
			}
			if strings.HasPrefix(n.peek(), `"`) || n.took("name") {
				n.next()
			}
		case "comment":
			n.comment()
		case "log":
			for n.took("prefix") || n.took("level") || n.took("group") {
				n.next()
			}
		case "limit":
			if n.took("name") { // of what exceeds it
				for !strings.HasPrefix(n.next(), "@") && n.peek() != "counter" {
				}
				r.matches = append(r.matches, never)
			} else if n.limit() {
				r.matches = append(r.matches, never)
			}
		case "update", "add":
			n.next() // the set
			if n.dynamic() {
				r.matches = append(r.matches, never)
			}
		default:
			n.match(&r, word)
		}
	}
	return r
}

func never(*packet) bool { return false }

// limit reads "rate [over] 10/second [burst 20 packets]" and reports whether it matches what exceeds it, which nothing does.
func (n *nftParser) limit() (over bool) {
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
	if word == "tcp" && n.took("flags") {
		n.flags(r)
		return
	}
	if word == "meta" && n.took("time") {
		n.time(r)
		return
	}
	from := []func(*packet) (value, bool){n.selector(word)}
	for n.took(".") {
		from = append(from, n.selector(n.next()))
	}
	read := func(p *packet) (values []value, present bool) {
		values = make([]value, len(from))
		for i, selector := range from {
			if values[i], present = selector(p); !present {
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

func (n *nftParser) selector(word string) func(*packet) (value, bool) {
	if found, known := selectors[word]; known {
		return found
	}
	word += " " + n.next()
	found, known := selectors[word]
	if !known {
		panic("selector " + word)
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

// flags reads "& (fin | syn | rst | ack) == syn", or "syn / fin,syn,rst,ack".
func (n *nftParser) flags(r *nftRule) {
	var words []string
	for n.more() && !verdictFollows(n.peek()) {
		words = append(words, n.next())
	}
	switch text := strings.Join(words, ""); text {
	case "&(fin|syn|rst|ack)==syn", "&(syn|ack)==syn", "syn/fin,syn,rst,ack", "syn/syn,ack", "syn":
		r.matches = append(r.matches, func(p *packet) bool { return p.syn })
	default:
		panic("tcp flags " + text)
	}
}

func verdictFollows(word string) bool {
	switch word {
	case "accept", "drop", "return", "jump", "goto", "reject", "counter", "ct", "ip", "ip6", "tcp", "meta", "limit", "update", "add", "log":
		return true
	}
	return false
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
