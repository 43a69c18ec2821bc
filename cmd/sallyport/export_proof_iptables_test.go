package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ipChains is the filter table of iptables, of one family, understood from its text as [nftRules] is.
type ipChains map[string][]ipRule

type ipRule struct {
	matches []func(*packet) bool
	target  string
	goes    bool // -g
}

// passes sends a packet through a chain of the exporter's as if INPUT jumped there.
func (c ipChains) passes(chain string, p *packet) bool { return c.walk(chain, p) != "DROP" }

// walk returns ACCEPT, DROP, or nothing if a chain comes to its end.
func (c ipChains) walk(chain string, p *packet) string {
	for i := range c[chain] {
		rule := &c[chain][i]
		if slices.ContainsFunc(rule.matches, func(match func(*packet) bool) bool { return !match(p) }) {
			continue
		}
		switch rule.target {
		case "ACCEPT", "DROP":
			return rule.target
		case "REJECT":
			return "DROP"
		case "RETURN":
			return ""
		case "", "LOG", "NFLOG":
			continue
		}
		if verdict := c.walk(rule.target, p); verdict != "" || rule.goes {
			return verdict
		}
	}
	return ""
}

// parseIptables reads a file for iptables-restore.
func parseIptables(text string) (c ipChains, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			c, err = nil, fmt.Errorf("not understood: %v", problem)
		}
	}()
	c = ipChains{}
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > 10240 {
			panic("a line longer than the buffer of iptables-restore")
		}
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '*':
			table = line[1:]
		case line == "COMMIT":
			table = ""
		case table != "filter":
			panic(line)
		case line[0] == ':':
			name := strings.Fields(line[1:])
			if len(name[0]) > 28 || name[1] != "-" {
				panic(line)
			}
			c[name[0]] = nil
		default:
			words := ipWords(line)
			if words[0] != "-A" {
				panic(line)
			}
			if _, known := c[words[1]]; !known {
				panic("a chain that is not declared: " + line)
			}
			c[words[1]] = append(c[words[1]], ipRuleOf(words[2:]))
		}
	}
	if table != "" || len(c) == 0 {
		panic("no COMMIT")
	}
	return c, c.sound()
}

// sound reports whether every target is there.
func (c ipChains) sound() error {
	for name, rules := range c {
		for _, r := range rules {
			switch r.target {
			case "", "ACCEPT", "DROP", "REJECT", "RETURN", "LOG", "NFLOG":
			default:
				if _, known := c[r.target]; !known {
					return fmt.Errorf("chain %s goes to %q, which is not there", name, r.target)
				}
			}
		}
	}
	return nil
}

// ipWords splits a line as iptables-restore does: blanks outside of quotation marks separate, a backslash within them escapes.
func ipWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, any := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted, any = !quoted, true
		case quoted && c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case !quoted && (c == ' ' || c == '\t'):
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteByte(c)
			any = true
		}
	}
	if quoted {
		panic("an open quotation mark")
	}
	if any {
		words = append(words, word.String())
	}
	return words
}

// ipRuleOf understands one rule.
func ipRuleOf(words []string) ipRule {
	var r ipRule
	inverted := false
	for len(words) > 0 {
		option := words[0]
		if words = words[1:]; option == "!" {
			inverted = true
			continue
		}
		if option == "--syn" {
			opens := !inverted
			r.matches = append(r.matches, func(p *packet) bool { return (p.flag() == "syn") == opens })
			inverted = false
			continue
		}
		if option == "--hashlimit-rate-match" || option == "--connlimit-saddr" {
			continue
		}
		argument := words[0]
		words = words[1:]
		match := r.option(option, argument)
		if option == "--tcp-flags" {
			words = words[1:]
		}
		if match != nil {
			negate := inverted
			r.matches = append(r.matches, func(p *packet) bool { return match(p) != negate })
		}
		inverted = false
	}
	return r
}

// option returns what an option matches, nil for one that matches any new TCP connection.
func (r *ipRule) option(option, argument string) func(*packet) bool {
	switch option {
	case "-p":
		if argument != "tcp" {
			panic("protocol " + argument)
		}
		return func(*packet) bool { return true }
	case "-m", "--tcp-flags", "--comment", "--reject-with", "--log-prefix", "--log-level", "--utc", "--limit", "--limit-burst", "--connlimit-mask",
		"--hashlimit-burst", "--hashlimit-mode", "--hashlimit-srcmask", "--hashlimit-name", "--hashlimit-htable-expire",
		"--hashlimit-htable-max", "--hashlimit-htable-size", "--hashlimit-htable-gcinterval", "--hashlimit-upto":
		if option == "--comment" && (len(argument) > 255 || strings.ContainsAny(argument, "\n\r")) {
			panic("comment " + argument)
		}
	case "--hashlimit-above", "--connlimit-above":
		return never
	case "-j", "-g":
		r.target, r.goes = argument, option == "-g"
	case "-s":
		return addressIn(argument, func(p *packet) netip.Addr { return p.from.Addr() })
	case "-d":
		return addressIn(argument, func(p *packet) netip.Addr { return p.to.Addr() })
	case "--src-range":
		return addressIn(argument, func(p *packet) netip.Addr { return p.from.Addr() })
	case "--sport", "--sports":
		return portIn(argument, func(p *packet) uint16 { return p.from.Port() })
	case "--dport", "--dports":
		return portIn(argument, func(p *packet) uint16 { return p.to.Port() })
	case "--ctstate":
		return func(p *packet) bool {
			return slices.Contains(strings.Split(argument, ","), strings.ToUpper(p.state()))
		}
	case "--datestop":
		until := ipTime(argument)
		return func(p *packet) bool { return !p.at.Truncate(time.Second).After(until) }
	case "--datestart":
		from := ipTime(argument)
		return func(p *packet) bool { return !p.at.Before(from) }
	default:
		panic("option " + option)
	}
	return nil
}

func ipTime(text string) time.Time {
	at, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil {
		panic(err)
	}
	return at
}

func addressIn(text string, of func(*packet) netip.Addr) func(*packet) bool {
	in := parseInterval(text)
	if !in.first.IsValid() {
		panic("address " + text)
	}
	return func(p *packet) bool { return in.holds(&value{addr: of(p)}) }
}

// portIn reads "1:5" or, for multiport, "1:5,7"; there a range takes two of fifteen places.
func portIn(text string, of func(*packet) uint16) func(*packet) bool {
	var all []interval
	places := 0
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, ":")
		if places++; !isRange {
			last = first
		} else {
			places++
		}
		low, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			panic("port " + text)
		}
		high, err := strconv.ParseUint(last, 10, 16)
		if err != nil || high < low {
			panic("port " + text)
		}
		all = append(all, interval{low: uint16(low), high: uint16(high)})
	}
	if len(all) > 1 && places > 15 {
		panic("more ports than multiport takes: " + text)
	}
	return func(p *packet) bool {
		return slices.ContainsFunc(all, func(i interval) bool { return i.holds(&value{number: of(p)}) })
	}
}
