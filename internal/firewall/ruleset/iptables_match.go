package ruleset

import (
	"fmt"
	"strings"
	"time"
)

// begin starts a module: with some of them there is nothing that could be asked, with others nothing that could be told.
func (o *optionReader) begin(module string) {
	switch module {
	case "limit", "hashlimit":
		o.require(condition{kind: limiting, text: "-m " + module, holds: true})
	case "rpfilter": // packets come from where their source leads to
		o.require(settle("-m rpfilter", true))
	case "tcp", "udp", "icmp", "icmp6", "multiport", "iprange", "conntrack", "state", "comment", "addrtype", "pkttype", "time", "connlimit":
	default:
		o.require(doubt("-m " + module))
	}
}

// last is the condition that the module began with.
func (o *optionReader) last() *condition { return &o.rule.conditions[len(o.rule.conditions)-1] }

// moduleOption reads an option of the module.
func (o *optionReader) moduleOption(word token) *Fault {
	switch o.module + " " + word.text {
	case "tcp --syn":
		negated := o.negated
		o.require(settleFlags("--syn", func(flags uint64) bool { return (flags&synMask == synOnly) != negated }))
		return nil
	case "tcp --tcp-flags":
		return o.tcpFlags(word)
	case "rpfilter --invert":
		*o.last() = settle("-m rpfilter", false)
		return nil
	case "rpfilter --loose", "rpfilter --validmark", "rpfilter --accept-local", "connlimit --connlimit-saddr", "connlimit --connlimit-daddr":
		return nil
	case "addrtype --limit-iface-in", "addrtype --limit-iface-out", "time --kerneltz", "time --contiguous":
		o.require(doubt(o.module + " " + word.text))
		return nil
	}
	if !o.known() && (len(o.words) == 0 || o.words[0].startsOption()) {
		o.vague(word, token{})
		return nil
	}
	v, fault := o.value(word)
	if fault != nil {
		return fault
	}
	if fault := o.valued(word, v); fault != nil {
		return fault
	}
	for !o.known() && len(o.words) > 0 && !o.words[0].startsOption() {
		o.words = o.words[1:] // further values of what is not known
	}
	return nil
}

// known reports whether the values of the module's options are known to be one each.
func (o *optionReader) known() bool {
	switch o.module {
	case "tcp", "multiport", "iprange", "conntrack", "state", "comment", "addrtype", "pkttype", "time", "connlimit", "limit", "hashlimit":
		return true
	default:
		return false
	}
}

// valued reads an option that has a value.
func (o *optionReader) valued(option, v token) *Fault {
	text := option.text + " " + v.text
	if o.negated {
		text = "! " + text
	}
	switch o.module + " " + option.text {
	case "comment --comment":
		o.rule.Comment = v.text
	case "tcp --sport", "tcp --source-port", "multiport --sports", "multiport --source-ports":
		return o.ports(text, sourcePort, v)
	case "tcp --dport", "tcp --destination-port", "multiport --dports", "multiport --destination-ports":
		return o.ports(text, destinationPort, v)
	case "iprange --src-range":
		return o.addressRange(text, true, v)
	case "iprange --dst-range":
		return o.addressRange(text, false, v)
	case "conntrack --ctstate", "state --state":
		o.require(oneOf(text, selector{field: connectionState, name: option.text}, o.negated, wordsOf(v.text)...))
	case "conntrack --ctdir":
		o.require(oneOf(text, selector{field: direction, name: option.text}, o.negated, wordsOf(v.text)...))
	case "conntrack --ctproto":
		o.require(oneOf(text, selector{field: transport, name: option.text}, o.negated, protocolOf(v.text)))
	case "addrtype --dst-type":
		o.require(oneOf(text, selector{field: destinationKind, name: option.text}, o.negated, wordsOf(v.text)...))
	case "pkttype --pkt-type":
		value := v.text
		if value == "unicast" {
			value = "host"
		}
		o.require(oneOf(text, selector{field: packetKind, name: option.text}, o.negated, wordOf(value)))
	case "time --datestart", "time --datestop":
		return o.date(text, option, v)
	case "connlimit --connlimit-above", "connlimit --connlimit-upto":
		within := option.text == "--connlimit-upto"
		o.require(condition{kind: limiting, text: text, holds: within != o.negated})
	case "hashlimit --hashlimit-above":
		o.last().holds = o.negated
	default:
		o.vague(option, v)
	}
	return nil
}

// vague reads an option that cannot be told, unless it only refines what was said of its module.
func (o *optionReader) vague(option, v token) {
	switch o.module {
	case "limit", "hashlimit", "connlimit":
		return
	}
	o.require(doubt(strings.TrimSpace(option.text + " " + v.text)))
}

// wordsOf reads "NEW,ESTABLISHED".
func wordsOf(list string) []interval {
	var all []interval
	for _, w := range strings.Split(list, ",") {
		all = append(all, wordOf(strings.ToLower(w)))
	}
	return all
}

// tcpFlags reads "MASK COMPARED".
func (o *optionReader) tcpFlags(option token) *Fault {
	mask, fault := o.value(option)
	if fault != nil {
		return fault
	}
	compared, fault := o.value(option)
	if fault != nil {
		return fault
	}
	text := fmt.Sprintf("%s %s %s", option.text, mask.text, compared.text)
	masked, ok := flagsOf(mask.text)
	wanted, also := flagsOf(compared.text)
	if !ok || !also {
		return problem(mask.column, text+" names what is no flag", "flags are FIN,SYN,RST,PSH,ACK,URG, ALL and NONE")
	}
	negated := o.negated
	o.require(settleFlags(text, func(flags uint64) bool { return (flags&masked == wanted) != negated }))
	return nil
}

func flagsOf(list string) (uint64, bool) {
	all := uint64(0)
	for _, name := range strings.Split(list, ",") {
		switch name {
		case "NONE":
			continue
		case "ALL":
			all |= 0x3f
			continue
		}
		bit, ok := tcpFlag(strings.ToLower(name))
		if !ok {
			return 0, false
		}
		all |= bit
	}
	return all, true
}

// date reads a bound of the time, which is in UTC unless --kerneltz says otherwise.
func (o *optionReader) date(text string, option, v token) *Fault {
	layout := "2006-01-02T15:04:05"
	if len(v.text) > len(layout) || len(v.text) < len("2006") {
		return problem(v.column, fmt.Sprintf("%q is no time", plain(v.text)), "it is written 2027-01-01T23:59:59")
	}
	for _, l := range []string{layout, "2006-01-02T15:04", "2006-01-02", "2006-01", "2006"} {
		at, err := time.Parse(l, v.text)
		if err != nil {
			continue
		}
		seconds := uint64(max(at.Unix(), 0))
		bounds := numbersOf(seconds, 1<<62)
		if option.text == "--datestop" {
			bounds = numbersOf(0, seconds)
		}
		o.require(oneOf(text, selector{field: moment, name: option.text}, o.negated, bounds))
		return nil
	}
	return problem(v.column, fmt.Sprintf("%q is no time", plain(v.text)), "it is written 2027-01-01T23:59:59")
}
