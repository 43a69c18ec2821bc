package export

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// draft is a flow of which not everything has been read yet. An address that is not known, or any one, is invalid in it.
type draft struct {
	firewall.Flow
	bits int // of its addresses, 0 if no cell says it
}

// isDefault reports whether the line only says what is denied besides. It may come without the column that tells.
func (d *draft) isDefault() bool {
	if d.Origin != "" {
		return d.Origin == fromDefault
	}
	return d.Rule == defaultRule && d.Action == firewall.Deny && !d.Source.Prefix.IsValid() && firewall.IsAnyPort(d.Source.Ports)
}

// flows returns the flow of a draft: one, or one of each family if nothing says which is meant.
func (d *draft) flows() ([]firewall.Flow, error) {
	families := make(map[int]bool)
	for _, p := range []netip.Prefix{d.Source.Prefix, d.Destination.Prefix} {
		if p.IsValid() {
			families[p.Addr().BitLen()] = true
		}
	}
	if d.bits != 0 {
		families[d.bits] = true
	}
	if len(families) > 1 {
		return nil, &policy.Malformed{Problem: "addresses of both families in one line", Hint: "a connection is of IPv4 or of IPv6: write a line for each"}
	}
	if d.Origin == "" {
		d.Origin = firewall.FromRule
		if d.Action == firewall.Deny {
			d.Origin = firewall.FromBlock
		}
	}
	var all []firewall.Flow
	for _, every := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if len(families) > 0 && !families[every.BitLen()] {
			continue
		}
		f := d.Flow
		for _, end := range []*firewall.End{&f.Source, &f.Destination} {
			if !end.Prefix.IsValid() {
				end.Prefix = netip.PrefixFrom(every, 0)
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// trimmed reads a cell without the space around it, which means nothing where texts are not free.
func trimmed(read func(*draft, string) error) func(*draft, string) error {
	return func(d *draft, text string) error { return read(d, strings.TrimSpace(text)) }
}

func notOneOf[T ~string](text string, words []T) error {
	names := make([]string, len(words))
	for i, word := range words {
		if names[i] = string(word); word == "" {
			names[i] = "nothing"
		}
	}
	last := len(names) - 1
	return &policy.Malformed{Problem: fmt.Sprintf("%.40q is not one of the words for it", text), Hint: "it is " + strings.Join(names[:last], ", ") + " or " + names[last]}
}

func readProtocol(_ *draft, text string) error {
	if !strings.EqualFold(text, "tcp") && text != "" {
		return &policy.Malformed{Problem: fmt.Sprintf("%.40q is no protocol of a policy", text), Hint: "sallyport guards tcp"}
	}
	return nil
}

func readSource(d *draft, text string) error      { return readPrefix(&d.Source.Prefix, text) }
func readDestination(d *draft, text string) error { return readPrefix(&d.Destination.Prefix, text) }

func readPrefix(p *netip.Prefix, text string) (err error) {
	switch {
	case strings.EqualFold(text, anyCell):
		return nil
	case text == "":
		return missing(`an address, a prefix, or "any"`)
	}
	*p, err = policy.ParsePrefix(text)
	return err
}

func readSourcePorts(d *draft, text string) (err error) {
	switch {
	case strings.EqualFold(text, anyCell):
		d.Source.Ports = firewall.AnyPort()
		return nil
	case text == "":
		return missing(`a port, a range such as 20001-20004, or "any"`)
	}
	d.Source.Ports, err = policy.ParsePortRange(text)
	return err
}

func readDestinationPort(d *draft, text string) (err error) {
	if text == "" {
		return missing("the port that is connected to")
	}
	d.Destination.Ports, err = policy.ParsePortRange(text)
	if err == nil && d.Destination.Ports.First != d.Destination.Ports.Last {
		return &policy.Malformed{Problem: fmt.Sprintf("%q is several ports", text), Hint: "write a line for each port that is connected to"}
	}
	return err
}

func missing(what string) error {
	return &policy.Malformed{Problem: "the cell is empty", Hint: "write " + what}
}

// readIdentities reads what identitiesCell writes.
func readIdentities(d *draft, text string) error {
	for text != "" {
		var one strings.Builder
		i := 0
		for ; i < len(text) && text[i] != ';'; i++ {
			if text[i] == '\\' && i+1 < len(text) {
				i++
			}
			one.WriteByte(text[i])
		}
		id, err := policy.ParseIdentity(strings.TrimSpace(one.String()))
		if err != nil {
			return err
		}
		d.Identities = append(d.Identities, id)
		text = strings.TrimSpace(text[min(i+1, len(text)):])
	}
	return nil
}

func readRate(d *draft, text string) (err error) {
	if text == "" {
		return nil
	}
	d.Rate, err = policy.ParseRate(text)
	return err
}

func readFamily(d *draft, text string) error {
	families := []string{familyName(32), familyName(128), ""}
	i := slices.IndexFunc(families, func(word string) bool { return strings.EqualFold(text, word) })
	if i < 0 {
		return notOneOf(text, families)
	}
	d.bits = []int{32, 128, 0}[i]
	return nil
}

func readCountedBy(d *draft, text string) error {
	words := []string{firewall.CountedByClient, firewall.CountedByAddress, ""}
	if !slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(text, word) }) {
		return notOneOf(text, words)
	}
	d.PerClient = strings.EqualFold(text, firewall.CountedByClient)
	return nil
}
