package matrix

import (
	"slices"
	"strings"

	"sallyport/policy"
)

// anyPort is every port.
func anyPort() policy.PortRange { return policy.PortRange{First: 0, Last: 0xffff} }

// portList is what a cell with ports says.
type portList struct {
	ranges []policy.PortRange // of TCP, as they stand there
	others []string           // items of other protocols, as they stand there
	spoken bool               // it names TCP
	chosen string             // words for ports that the system of the client chooses, which were taken for all
}

// parsePorts reads a cell such as "tcp/2021, 2031-2034". Errors are [*policy.Malformed].
func parsePorts(text string, literal bool) (*portList, error) {
	list := new(portList)
	words := portItems(text)
	protocol := "" // of the items that follow
	if last := len(words) - 1; last > 0 && isProtocol(words[last]) && !slices.ContainsFunc(words[:last], speaksProtocol) {
		protocol, words = words[last], words[:last] // of those before it
		list.spoken = protocol == tcp
	}
	for i, item := range words {
		if isProtocol(item) {
			protocol = item
			list.spoken = list.spoken || protocol == tcp
			if i == len(words)-1 && protocol != tcp {
				list.others = append(list.others, protocol)
			}
			continue
		}
		word, port := protocol, item
		if before, after, ok := splitProtocol(item); ok {
			word, port = before, after
		}
		list.spoken = list.spoken || word == tcp
		r, chosen, err := parsePort(port, literal)
		switch {
		case err != nil:
			return nil, err
		case word != "" && word != tcp:
			list.others = append(list.others, word+"/"+port)
		default:
			list.ranges = append(list.ranges, r)
			if chosen {
				list.chosen = port
			}
		}
	}
	return list, nil
}

// portItems returns the items of a cell; words that only belong together stay together.
func portItems(text string) []string {
	lower := strings.ToLower(text)
	for _, words := range []string{"high ports", "high port", "dynamic ports", "ephemeral ports", "any port", "all ports"} {
		lower = strings.ReplaceAll(lower, words, words[:strings.IndexByte(words, ' ')])
	}
	return items(spacing.Replace(lower))
}

// spacing takes away spaces that separate nothing.
var spacing = strings.NewReplacer("> ", ">", "= ", "=", " +", "+")

// speaksProtocol reports whether an item says its protocol, or that of others.
func speaksProtocol(item string) bool {
	_, _, split := splitProtocol(item)
	return split || isProtocol(item)
}

// splitProtocol reads "tcp/2021", "2021/tcp" and "tcp:2021".
func splitProtocol(item string) (protocol, port string, ok bool) {
	for _, mark := range []string{"/", ":"} {
		before, after, found := strings.Cut(item, mark)
		switch {
		case found && isProtocol(before) && after != "":
			return before, after, true
		case found && isProtocol(after) && before != "":
			return after, before, true
		}
	}
	return "", "", false
}

// parsePort reads one item without its protocol, in lower case. Chosen tells that it means what the client's system chooses, literally or
// not: a range from 1024 to the end is written for that, too.
func parsePort(item string, literal bool) (r policy.PortRange, chosen bool, err error) {
	switch item {
	case "any", "*", "all", "0-65535", "1-65535":
		return anyPort(), false, nil
	case "ephemeral", "dynamic", "high", "random", "1024+", "1024-", "1025+", ">1023", ">=1024", ">1024":
		return anyPort(), true, nil
	case "1024-65535", "1025-65535":
		if !literal {
			return anyPort(), true, nil
		}
	}
	if number, known := servicePort(item); known {
		return policy.PortRange{First: number, Last: number}, false, nil
	}
	if first, last, ok := strings.Cut(item, ":"); ok { // as iptables has it
		item = first + "-" + last
	}
	r, err = policy.ParsePortRange(strings.TrimSuffix(item, ".0")) // a spreadsheet's number
	if bad, malformed := err.(*policy.Malformed); malformed && named(item) {
		bad.Hint = "only the names of common services are known: write the number"
	}
	return r, false, err
}

const tcp = "tcp"

// isProtocol reports whether a word in lower case names a protocol that has ports.
func isProtocol(word string) bool {
	switch word {
	case tcp, "udp", "sctp", "dccp":
		return true
	default:
		return false
	}
}

// protocols is what the cell of a column says that is about protocols alone.
type protocols struct {
	tcp    bool
	all    string   // a word for all of them, empty if there is none
	others []string // those that are named and not TCP
}

// parseProtocols reads such a cell. Errors are [*policy.Malformed].
func parseProtocols(text string) (p protocols, err error) {
	if nothing(text) {
		return protocols{tcp: true}, nil // nothing else passes sallyport
	}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(",;|/+& \n", r) }) {
		_, service := servicePort(word)
		switch word {
		case tcp, "6", "tls", "ssl":
			p.tcp = true
		case "and", "or":
		case "any", "all", "*", "ip", "ipv4", "ipv6", "both":
			p.tcp, p.all = true, word
		case "udp", "17", "icmp", "1", "icmpv6", "58", "sctp", "132", "dccp", "gre", "47", "esp", "50", "ah", "51", "igmp", "ospf", "quic":
			p.others = append(p.others, word)
		default:
			if !service {
				return p, &policy.Malformed{Problem: "unknown protocol " + quoted(word), Hint: `write "tcp"`}
			}
			p.tcp = true
		}
	}
	return p, nil
}

// servicePort returns the port of a service by its name with IANA, or by the one that people use. The tables of hosts differ, and the
// same matrix has to mean the same everywhere.
func servicePort(name string) (uint16, bool) {
	switch name {
	case "ftp":
		return 21, true
	case "ssh":
		return 22, true
	case "telnet":
		return 23, true
	case "smtp":
		return 25, true
	case "domain", "dns":
		return 53, true
	case "http", "www":
		return 80, true
	case "pop3":
		return 110, true
	case "imap":
		return 143, true
	case "ldap":
		return 389, true
	case "https":
		return 443, true
	case "smtps", "submissions":
		return 465, true
	case "submission":
		return 587, true
	case "ldaps":
		return 636, true
	case "imaps":
		return 993, true
	case "pop3s":
		return 995, true
	case "ms-sql-s", "mssql":
		return 1433, true
	case "mqtt":
		return 1883, true
	case "mysql":
		return 3306, true
	case "ms-wbt-server", "rdp":
		return 3389, true
	case "sip":
		return 5060, true
	case "sips":
		return 5061, true
	case "postgresql", "postgres":
		return 5432, true
	case "amqps":
		return 5671, true
	case "amqp":
		return 5672, true
	case "syslog-tls":
		return 6514, true
	case "secure-mqtt", "mqtts":
		return 8883, true
	default:
		return 0, false
	}
}

// portsText returns ranges as people write them.
func portsText(ranges []policy.PortRange) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		if texts[i] = r.String(); r == anyPort() {
			texts[i] = "any"
		}
	}
	return strings.Join(texts, ", ")
}

// noTCP says that something is not for sallyport.
func noTCP(list []string) string {
	return "sallyport passes TCP, and not " + strings.Join(list, ", ")
}
