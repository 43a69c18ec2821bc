package main

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// packet is the first of a connection, as a firewall sees it.
type packet struct {
	hook        string // "input", "output" or "forward"
	from, to    netip.AddrPort
	at          time.Time
	established bool // it is not the first, after all
	tracked     bool // it is the first, and its tuple is that of a connection that was reset just before
}

func (p *packet) family() string {
	if p.from.Addr().Is4() {
		return "ip"
	}
	return "ip6"
}

// nftRules is a firewall that a test understands by itself, from its text: what becomes of a first packet, and no more. Rates are
// never exceeded.
type nftRules struct {
	sets   map[string]*nftSet
	chains map[string]*nftChain
	order  []string // names of chains, as they stand there
	loaded time.Time
}

type nftChain struct {
	hook   string // of a base chain
	policy string
	rules  []nftRule
}

type nftRule struct {
	matches []func(*packet) bool
	decide  func(*packet) string // a verdict with its target, or nothing
}

// nftSet is a set or a map, whose elements have verdicts.
type nftSet struct {
	name     string
	dynamic  bool
	elements []nftElement
}

type nftElement struct {
	key     []interval
	ends    time.Time // zero: never
	verdict string
}

// interval is addresses or, with invalid ones, numbers.
type interval struct {
	first, last netip.Addr
	low, high   uint16
	word        string // anything else, such as a state
}

// value is what a selector finds in a packet.
type value struct {
	addr   netip.Addr
	number uint16
	word   string
}

func (i *interval) holds(v *value) bool {
	switch {
	case i.word != "" || v.word != "":
		return i.word == v.word
	case i.first.IsValid():
		return v.addr.BitLen() == i.first.BitLen() && !v.addr.Less(i.first) && !i.last.Less(v.addr)
	default:
		return !v.addr.IsValid() && i.low <= v.number && v.number <= i.high
	}
}

// find returns the element that holds all values.
func (s *nftSet) find(values []value, at time.Time) *nftElement {
	for i := range s.elements {
		e := &s.elements[i]
		if len(e.key) != len(values) || !e.ends.IsZero() && !at.Before(e.ends) {
			continue
		}
		held := true
		for k := len(values) - 1; held && k >= 0; k-- { // numbers tell apart faster, and stand last
			held = e.key[k].holds(&values[k])
		}
		if held {
			return e
		}
	}
	return nil
}

// overlap returns two elements of one set that hold the same tuple, if there are any: the kernel refuses most of them, and takes the
// others in an order that nobody can rely on.
func (r *nftRules) overlap() (a, b *nftElement) {
	for _, s := range r.sets {
		for i := range s.elements {
			for j := range s.elements[:i] {
				if s.elements[i].overlaps(&s.elements[j]) {
					return &s.elements[i], &s.elements[j]
				}
			}
		}
	}
	return nil, nil
}

func (e *nftElement) overlaps(o *nftElement) bool {
	for k := range e.key {
		x, y := &e.key[k], &o.key[k]
		switch {
		case x.word != y.word, x.high < y.low, y.high < x.low:
			return false
		case x.first.IsValid() && (x.last.Less(y.first) || y.last.Less(x.first)):
			return false
		}
	}
	return true
}

// passes sends a packet through the base chains of its hook.
func (r *nftRules) passes(p *packet) bool {
	for _, name := range r.order {
		chain := r.chains[name]
		if chain.hook != p.hook {
			continue
		}
		verdict := r.walk(name, p)
		if verdict == "" || verdict == "return" {
			verdict = chain.policy
		}
		if verdict != "accept" {
			return false
		}
	}
	return true
}

// walk returns the verdict of a chain; empty if it comes to its end.
func (r *nftRules) walk(name string, p *packet) string {
	for i := range r.chains[name].rules {
		rule := &r.chains[name].rules[i]
		if slices.ContainsFunc(rule.matches, func(match func(*packet) bool) bool { return !match(p) }) {
			continue
		}
		verdict, target, _ := strings.Cut(rule.decide(p), " ")
		switch verdict {
		case "accept", "drop", "return":
			return verdict
		case "jump":
			if inner := r.walk(target, p); inner == "accept" || inner == "drop" {
				return inner
			}
		case "goto":
			return r.walk(target, p)
		}
	}
	return ""
}

// selector finds in a packet what rules look at, if it is there.
type selector func(*packet) (value, bool)

// selectorOf returns the selector that words stand for, nil if they stand for none.
func selectorOf(words string) selector {
	addr := func(family string, of func(*packet) netip.AddrPort) selector {
		return func(p *packet) (value, bool) { return value{addr: of(p).Addr()}, p.family() == family }
	}
	port := func(of func(*packet) netip.AddrPort) selector {
		return func(p *packet) (value, bool) { return value{number: of(p).Port()}, true }
	}
	word := func(of func(*packet) string) selector {
		return func(p *packet) (value, bool) { return value{word: of(p)}, true }
	}
	from, to := func(p *packet) netip.AddrPort { return p.from }, func(p *packet) netip.AddrPort { return p.to }
	switch words {
	case "ip saddr":
		return addr("ip", from)
	case "ip daddr":
		return addr("ip", to)
	case "ip6 saddr":
		return addr("ip6", from)
	case "ip6 daddr":
		return addr("ip6", to)
	case "tcp sport":
		return port(from)
	case "tcp dport":
		return port(to)
	case "ct state":
		return word((*packet).state)
	case "tcp flags":
		return word((*packet).flag)
	case "meta l4proto":
		return word(func(*packet) string { return "tcp" })
	default:
		return nil
	}
}

// flag is what is set of FIN, SYN, RST and ACK.
func (p *packet) flag() string {
	if p.established {
		return "ack"
	}
	return "syn"
}

func (p *packet) state() string {
	if p.established || p.tracked {
		return "established"
	}
	return "new"
}
