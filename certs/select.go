package certs

import "strings"

// Selector finds what a [Server] serves for a server name. It is immutable.
type Selector struct {
	server Server
	exact  map[string]int // indexes of Names by name
	below  map[string]int // likewise by the suffix of a wildcard, with its dot
}

// Selector returns what finds the server's names. Making one costs as much as there are names, using it does not.
func (s Server) Selector() *Selector {
	selector := &Selector{server: s, exact: make(map[string]int, len(s.Names)), below: make(map[string]int)}
	for i, named := range s.Names {
		for _, name := range named.Names {
			selector.add(string(fold(nil, name)), i)
		}
	}
	return selector
}

func (s *Selector) add(name string, index int) {
	table := s.exact
	suffix, wildcard := strings.CutPrefix(name, "*")
	if wildcard {
		table, name = s.below, suffix
	}
	if name == "" || wildcard && (suffix[0] != '.' || len(suffix) == 1) {
		return
	}
	if _, taken := table[name]; !taken {
		table[name] = index
	}
}

// Select returns what is served for a server name, and the index of the entry of Names that matched,
// or -1. An exact name beats a wildcard, whose star stands for one label as it does in a certificate
// (RFC 9525, section 6.3); between equals the first counts. Case and a trailing dot do not matter.
func (s *Selector) Select(serverName string) (int, *Credentials) {
	index := s.index(serverName)
	if index >= 0 && s.server.Names[index].Credentials != nil {
		return index, s.server.Names[index].Credentials
	}
	return index, s.server.Default
}

func (s *Selector) index(serverName string) int {
	const longest = 256 // of a DNS name; longer ones only cost an allocation
	var buf [longest]byte
	name := fold(buf[:0], serverName)
	if i, ok := s.exact[string(name)]; ok {
		return i
	}
	for label, c := range name {
		if c != '.' {
			continue
		}
		if i, ok := s.below[string(name[label:])]; ok && label > 0 {
			return i
		}
		break
	}
	return -1
}

// fold appends a name as it is compared: in lower case and without a trailing dot. It folds ASCII only, as DNS does:
// under Unicode's rules a Kelvin sign equals a k.
func fold(buf []byte, name string) []byte {
	for _, c := range []byte(strings.TrimSuffix(name, ".")) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}
