package suggest

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// demand is what one rule is for: its clients are those that need exactly this.
type demand struct {
	application, port string
	tls               policy.TLSDemand
	local             bool // UNIX sockets, which no client definition names
}

// compareDemands sorts by port, and then in any order that is always the same.
func compareDemands(a, b demand) int {
	return cmp.Or(cmp.Compare(a.application, b.application), cmp.Compare(a.port, b.port), cmp.Compare(a.id(), b.id()))
}

// id says what the rule is for.
func (d *demand) id() string {
	spoken := d.tls.String()
	if d.tls == policy.TLSRequired {
		spoken = "tls"
	}
	id := fmt.Sprintf("seen-%s-%s-%s", d.application, d.port, spoken)
	if d.local {
		id += "-local"
	}
	return id
}

// ruleDraft is a rule that is being put together.
type ruleDraft struct {
	note ruleNote
	from []string
}

// addDemands adds a client to the rules that it needs. Its entries are sorted by port.
func addDemands(demands map[demand]*ruleDraft, name string, source netip.Addr, entries []entry) {
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].destination() == entries[0].destination() {
			n++
		}
		same := entries[:n]
		entries = entries[n:]
		d := demand{same[0].application, same[0].port, tlsDemand(same), !source.IsValid()}
		rule := demands[d]
		if rule == nil {
			rule = &ruleDraft{note: ruleNote{local: d.local, crowds: make(map[netip.Prefix]int)}}
			demands[d] = rule
		}
		rule.from = append(rule.from, name)
		for _, e := range same {
			rule.note.add(&e.counts)
			for _, id := range e.untimely {
				rule.note.rules = noteRule(rule.note.rules, id)
			}
			if e.speech == unknownSpeech {
				rule.note.unknown += e.sessions
			}
		}
		if network := networkOf(source); network.IsValid() {
			rule.note.crowds[network]++
		}
	}
}

// tlsDemand is the narrowest that allows all of the entries.
func tlsDemand(entries []entry) policy.TLSDemand {
	first := entries[0].speech
	for _, e := range entries {
		if e.speech != first {
			return policy.TLSAny
		}
	}
	switch first {
	case tlsSpeech:
		return policy.TLSRequired
	case plainSpeech:
		return policy.PlaintextOnly
	default:
		return policy.TLSAny
	}
}

// networkOf returns the network that the hosts of one department, rack or cluster often share.
func networkOf(source netip.Addr) netip.Prefix {
	bits := 24
	if source.Is6() {
		bits = 64
	}
	network, err := source.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // a UNIX socket
	}
	return network
}

func (d *Draft) addRules(demands map[demand]*ruleDraft, ids draft.Names) {
	for _, want := range slices.SortedFunc(maps.Keys(demands), compareDemands) {
		found := demands[want]
		if want.local {
			d.counts.add(&found.note.counts)
		}
		d.Rules = append(d.Rules, policy.Rule{
			ID:     ids.Unique(want.id()),
			From:   found.from,
			To:     []string{want.application + "/" + want.port},
			TLS:    want.tls,
			Reason: "suggested from the log: " + found.note.span(),
		})
		d.rules = append(d.rules, found.note)
	}
}
