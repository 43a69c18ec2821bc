package ruleset

import (
	"fmt"
	"strings"
)

// word of a rule, with the column where it begins.
type token struct {
	text   string
	column int
	quoted bool // at its beginning
}

// negates reports whether a word turns the next option around.
func (t token) negates() bool { return t.text == "!" && !t.quoted }

// startsOption reports whether a word begins the next option.
func (t token) startsOption() bool {
	return t.negates() || len(t.text) > 1 && t.text[0] == '-' && !t.quoted
}

// tokens splits a rule as iptables-restore does: blanks separate, quotes hold together, and within them a backslash makes the
// next character an ordinary one.
func tokens(line string, from int) ([]token, *Fault) {
	var all []token
	var current []byte
	start := -1 // of the word that is read
	quoted := false
	for i := from; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\\' && i+1 < len(line):
			i++
			current = append(current, line[i])
		case c == '"':
			quoted = !quoted
			if start < 0 {
				start = i
			}
		case !quoted && (c == ' ' || c == '\t'):
			if start >= 0 {
				all = append(all, token{string(current), start + 1, line[start] == '"'})
			}
			current, start = current[:0], -1
		default:
			if start < 0 {
				start = i
			}
			current = append(current, c)
		}
	}
	if quoted {
		return nil, problem(start+1, "a quotation mark is not closed", "the line has to be whole")
	}
	if start >= 0 {
		all = append(all, token{string(current), start + 1, line[start] == '"'})
	}
	return all, nil
}

// optionReader reads the options of a rule one after the other.
type optionReader struct {
	table   *Table
	rule    *Rule
	words   []token
	end     int // column after the last
	module  string
	negated bool
}

// rule reads "-A CHAIN OPTIONS".
func (r *iptablesReader) rule(line, text string, packets *uint64) *Fault {
	words, fault := tokens(line, len(line)-len(text))
	if fault != nil {
		return fault
	}
	if len(words) < 2 {
		return problem(len(line)+1, "the chain is missing", "a rule is written -A CHAIN ...")
	}
	c := r.table.chain(words[1].text)
	if c == nil {
		return problem(words[1].column, fmt.Sprintf("chain %s was not listed before", plain(words[1].text)), "chains are listed as :NAME - [0:0]")
	}
	rule := &Rule{Line: r.line, Text: text, Packets: packets}
	o := optionReader{table: r.table, rule: rule, words: words[2:], end: len(line) + 1}
	if fault := o.all(); fault != nil {
		return fault
	}
	c.Rules = append(c.Rules, rule)
	return nil
}

// all reads all options.
func (o *optionReader) all() *Fault {
	for len(o.words) > 0 {
		word := o.words[0]
		o.words = o.words[1:]
		if word.negates() {
			o.negated = true
			continue
		}
		fault, ended := o.option(word)
		if fault != nil {
			return fault
		}
		if ended {
			break
		}
		o.negated = false
	}
	return nil
}

// value returns the value of an option. Very old programs wrote the negation before it.
func (o *optionReader) value(option token) (token, *Fault) {
	if len(o.words) > 1 && o.words[0].negates() {
		o.negated = true
		o.words = o.words[1:]
	}
	if len(o.words) == 0 {
		return token{}, problem(o.end, option.text+" has no value", "the line has to be whole")
	}
	v := o.words[0]
	o.words = o.words[1:]
	return v, nil
}

// option reads one option. The target is the last: what follows is its own.
func (o *optionReader) option(word token) (fault *Fault, ended bool) {
	switch word.text {
	case "-m", "--match":
		v, fault := o.value(word)
		o.module = v.text
		o.begin(v.text)
		return fault, false
	case "-j", "--jump", "-g", "--goto":
		v, fault := o.value(word)
		if fault == nil {
			o.target(v.text, strings.HasPrefix(word.text, "-g") || word.text == "--goto")
		}
		return fault, true
	case "-f", "--fragment": // an opening packet is whole
		o.require(settle("-f", o.negated))
		return nil, false
	}
	switch word.text {
	case "-s", "-d", "-i", "-o", "-p", "--source", "--destination", "--in-interface", "--out-interface", "--protocol", "--proto":
		v, fault := o.value(word)
		if fault != nil {
			return fault, false
		}
		return o.plainOption(word.text, v), false
	}
	return o.moduleOption(word), false
}

func (o *optionReader) require(c condition) { o.rule.conditions = append(o.rule.conditions, c) }

// plainOption reads what needs no module.
func (o *optionReader) plainOption(name string, v token) *Fault {
	text := name + " " + v.text
	if o.negated {
		text = "! " + text
	}
	switch strings.TrimLeft(name, "-")[0] {
	case 's', 'd':
		s := o.addressSelector(name == "-s" || name == "--source")
		var values []interval
		for _, one := range strings.Split(v.text, ",") {
			value, fault := o.address(token{text: one, column: v.column})
			if fault != nil {
				return fault
			}
			values = append(values, value)
		}
		o.require(oneOf(text, s, o.negated, values...))
	case 'i':
		o.require(oneOf(text, selector{field: inputInterface, name: name}, o.negated, interfaceOf(v.text)))
	case 'o':
		o.require(oneOf(text, selector{field: outputInterface, name: name}, o.negated, interfaceOf(v.text)))
	default:
		if v.text != "all" && v.text != "0" {
			o.module = v.text
			o.require(oneOf(text, selector{field: transport, name: name}, o.negated, protocolOf(v.text)))
		}
	}
	return nil
}

func (o *optionReader) addressSelector(source bool) selector {
	if source {
		return selector{field: sourceAddress, family: o.table.Family, name: "-s"}
	}
	return selector{field: destinationAddress, family: o.table.Family, name: "-d"}
}

// interfaceOf writes a name with its wildcard as nft does.
func interfaceOf(name string) interval {
	if strings.HasSuffix(name, "+") {
		name = strings.TrimSuffix(name, "+") + "*"
	}
	return wordOf(name)
}

// target reads where a packet goes.
func (o *optionReader) target(name string, away bool) {
	v, translates := targetOf(name)
	switch {
	case name == "NOTRACK", name == "CT" && o.has("--notrack"):
		v = verdict{action: goOn}
		o.rule.untracks = true
	case away && o.table.chain(name) != nil:
		v = verdict{action: goTo, name: name}
	case o.table.chain(name) != nil:
		v = verdict{action: jump, name: name}
	}
	o.rule.verdict, o.rule.translates = v, translates
}

// targetOf returns what a target decides, and whether it rewrites addresses or ports.
func targetOf(name string) (v verdict, translates bool) {
	switch name {
	case "ACCEPT":
		return verdict{action: accept}, false
	case "DROP", "REJECT":
		return verdict{action: drop}, false
	case "RETURN":
		return verdict{action: leave}, false
	case "SNAT", "MASQUERADE": // of the source, after everything was judged
		return verdict{action: accept}, true
	case "DNAT", "REDIRECT", "TPROXY", "NETMAP":
		return verdict{action: unsure}, true
	}
	if passive(name) {
		return verdict{action: goOn}, false
	}
	return verdict{action: unsure}, false
}

func (o *optionReader) has(option string) bool {
	for _, w := range o.words {
		if w.text == option {
			return true
		}
	}
	return false
}

// passive reports whether a target of iptables lets the packet go on to the next rule, unchanged in address and port.
func passive(target string) bool {
	switch target {
	case "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CT", "TCPMSS", "SET", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "TRACE", "SECMARK",
		"CONNSECMARK", "AUDIT", "CHECKSUM", "LED", "RATEEST", "TEE", "TCPOPTSTRIP", "IDLETIMER":
		return true
	default:
		return false
	}
}
