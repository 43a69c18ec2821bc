package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// parseNft reads a rule set that is loaded at a time.
func parseNft(text string, loaded time.Time) (r *nftRules, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			r, err = nil, fmt.Errorf("not understood: %v", problem)
		}
	}()
	n := nftParser{tokens: nftTokens(text), set: &nftRules{sets: map[string]*nftSet{}, chains: map[string]*nftChain{}, loaded: loaded}}
	for n.skip(); n.more(); n.skip() {
		switch word := n.next(); word {
		case "add", "delete", "destroy":
			n.statement()
		case "table":
			n.want("inet")
			n.next()
			n.block(n.inTable)
		default:
			panic(word)
		}
	}
	return n.set, nil
}

// nftTokens returns the words, strings with their quotation marks, braces, commas, and "\n" for the end of a statement.
func nftTokens(text string) []string {
	var tokens []string
	for len(text) > 0 {
		n := 1
		switch c := text[0]; {
		case c == '#':
			n = len(text) - len(strings.TrimLeftFunc(text, func(r rune) bool { return r != '\n' }))
			text = text[n:]
			continue
		case c == '"':
			n = 2 + strings.IndexByte(text[1:], '"')
		case c == ' ', c == '\t', c == '\\':
			text = text[1:]
			continue
		case c == '\n', c == ';':
			text, tokens = text[1:], append(tokens, "\n")
			continue
		case strings.IndexByte("{},", c) >= 0:
		default:
			if n = strings.IndexAny(text, " \t\n;{},\""); n < 0 {
				n = len(text)
			}
		}
		tokens, text = append(tokens, text[:n]), text[n:]
	}
	return tokens
}

// nftParser panics on what it does not understand: what a test cannot judge it must not pass.
type nftParser struct {
	tokens []string
	set    *nftRules
}

func (n *nftParser) more() bool { return len(n.tokens) > 0 }

func (n *nftParser) peek() string {
	if !n.more() {
		return ""
	}
	return n.tokens[0]
}

func (n *nftParser) next() string {
	token := n.peek()
	if !n.more() {
		panic("the end")
	}
	n.tokens = n.tokens[1:]
	return token
}

func (n *nftParser) want(token string) {
	if got := n.next(); got != token {
		panic(fmt.Sprintf("%q, not %q", got, token))
	}
}

func (n *nftParser) skip() {
	for n.peek() == "\n" {
		n.next()
	}
}

// took reports whether a token was there, and takes it.
func (n *nftParser) took(token string) bool {
	if n.peek() != token {
		return false
	}
	n.next()
	return true
}

// statement returns the tokens to the end of a statement; braces may span lines.
func (n *nftParser) statement() []string {
	var all []string
	for depth := 0; n.more(); {
		switch n.peek() {
		case "{":
			depth++
		case "}":
			if depth == 0 {
				return all
			}
			depth--
		case "\n":
			if n.next(); depth == 0 {
				return all
			}
			continue
		}
		all = append(all, n.next())
	}
	return all
}

// comment takes a comment, which is a string of at most 128 bytes.
func (n *nftParser) comment() {
	if text := n.next(); text[0] != '"' || len(text) > len(`""`)+128 {
		panic("comment " + text)
	}
}

func (n *nftParser) block(inside func(word string)) {
	n.want("{")
	for n.skip(); !n.took("}"); n.skip() {
		inside(n.next())
	}
}

func (n *nftParser) inTable(word string) {
	switch word {
	case "comment":
		n.comment()
	case "set", "map":
		s := &nftSet{name: n.next()}
		n.set.sets["@"+s.name] = s
		n.block(func(word string) { n.inSet(s, word) })
	case "counter":
		n.next()
		n.block(func(string) { n.statement() })
	case "limit":
		n.next()
		n.block(func(word string) {
			if rest := n.statement(); word == "rate" && rest[0] != "over" {
				panic("a limit that matches what is within it")
			}
		})
	case "chain":
		name := n.next()
		chain := &nftChain{}
		n.set.chains[name], n.set.order = chain, append(n.set.order, name)
		n.block(func(word string) { n.inChain(chain, word) })
	default:
		panic(word)
	}
}

func (n *nftParser) inSet(s *nftSet, word string) {
	switch word {
	case "type", "typeof", "flags", "size", "comment", "counter", "auto-merge":
		n.statement()
	case "timeout": // of elements that are added later
		n.statement()
		s.dynamic = true
	case "elements":
		if s.dynamic {
			panic("elements with the set's timeout")
		}
		n.want("=")
		s.elements = n.elements()
	default:
		panic(word)
	}
}

// elements reads "{ key options, ... }".
func (n *nftParser) elements() []nftElement {
	var all []nftElement
	n.want("{")
	for n.skip(); !n.took("}"); n.skip() {
		all = append(all, n.element())
		n.skip()
		if !n.took(",") && n.peek() != "}" {
			panic("in elements: " + n.peek())
		}
	}
	return all
}

func (n *nftParser) element() nftElement {
	e := nftElement{key: []interval{parseInterval(n.next())}}
	for n.took(".") {
		e.key = append(e.key, parseInterval(n.next()))
	}
	for {
		switch {
		case n.took("comment"):
			n.comment()
		case n.took("timeout"):
			if lasts := nftDuration(n.next()); lasts > 0 {
				e.ends = n.set.loaded.Add(lasts)
			}
		case n.took("counter"):
		case n.took(":"):
			if e.verdict = n.next(); e.verdict == "jump" || e.verdict == "goto" {
				e.verdict += " " + n.next()
			}
		default:
			return e
		}
	}
}

func parseInterval(text string) interval {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return interval{first: prefix.Masked().Addr(), last: lastAddress(prefix)}
	}
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	if addr, err := netip.ParseAddr(first); err == nil {
		return interval{first: addr, last: netip.MustParseAddr(last)}
	}
	low, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return interval{word: strings.Trim(text, `"`)}
	}
	high, err := strconv.ParseUint(last, 10, 16)
	if err != nil || high < low {
		panic("interval " + text)
	}
	return interval{low: uint16(low), high: uint16(high)}
}

func lastAddress(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// nftDuration reads "30d12h5m3s7ms", in which days are the only unit that Go does not know.
func nftDuration(text string) time.Duration {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		panic("timeout " + text)
	}
	lasts := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return lasts
	}
	more, err := time.ParseDuration(rest)
	if err != nil {
		panic("timeout " + text)
	}
	return lasts + more
}
