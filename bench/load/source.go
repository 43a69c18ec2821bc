package load

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Source is where connections come from: an address and a range of ports, each of which has one connection at a time. The zero value
// leaves both to the system.
type Source struct {
	Address netip.Addr `json:"address,omitzero"`
	First   uint16     `json:"first,omitempty"`
	Last    uint16     `json:"last,omitempty"`
}

// ParseSource reads "ADDRESS", "ADDRESS:FIRST-LAST", ":FIRST-LAST" or a single port in place of a range; an IPv6 address with ports
// stands in brackets.
func ParseSource(text string) (Source, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return Source{Address: addr}, nil
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return Source{}, fmt.Errorf("source %q: want ADDRESS, ADDRESS:FIRST-LAST or :FIRST-LAST", text)
	}
	var s Source
	if host := strings.Trim(text[:colon], "[]"); host != "" {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			return Source{}, fmt.Errorf("source %q: %w", text, err)
		}
		s.Address = addr
	}
	first, last, isRange := strings.Cut(text[colon+1:], "-")
	if !isRange {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return Source{}, fmt.Errorf("source %q: port %q: want 1 to 65535", text, first)
	}
	b, err := strconv.ParseUint(last, 10, 16)
	if err != nil {
		return Source{}, fmt.Errorf("source %q: port %q: want 1 to 65535", text, last)
	}
	if a == 0 || b < a {
		return Source{}, fmt.Errorf("source %q: ports %d-%d are no range", text, a, b)
	}
	s.First, s.Last = uint16(a), uint16(b)
	return s, nil
}
