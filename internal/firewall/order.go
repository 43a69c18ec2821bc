package firewall

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// finished returns the flows with their ids, in their order, each once.
func (b *builder) finished() []Flow {
	slices.SortStableFunc(b.flows, func(x, y Flow) int { return x.compare(&y) })
	flows := slices.CompactFunc(b.flows, func(x, y Flow) bool { return x.compare(&y) == 0 })
	identify(flows)
	return flows
}

// compare puts flows into their order.
func (f *Flow) compare(o *Flow) int {
	return cmp.Or(
		strings.Compare(string(f.Action), string(o.Action)), // deny before permit
		strings.Compare(f.Rule, o.Rule),
		strings.Compare(f.Source.Name, o.Source.Name),
		strings.Compare(string(f.Direction), string(o.Direction)),
		f.Destination.compare(&o.Destination),
		f.Source.compare(&o.Source),
	)
}

func (e *End) compare(o *End) int {
	return cmp.Or(
		e.Prefix.Compare(o.Prefix),
		cmp.Compare(e.Ports.First, o.Ports.First),
		cmp.Compare(e.Ports.Last, o.Ports.Last),
		strings.Compare(e.Name, o.Name),
	)
}

// identify gives flows ids that stay what they are when other flows come and go.
func identify(flows []Flow) {
	const short, long = 8, 32 // digits; 100,000 flows of one rule have a pair or two with the same 8
	digits := make([]string, len(flows))
	taken := make(map[string]int, len(flows))
	for i := range flows {
		digits[i] = flows[i].digits()
		flows[i].ID = flows[i].Rule + "." + digits[i][:short]
		taken[flows[i].ID]++
	}
	for i := range flows {
		if f := &flows[i]; taken[f.ID] > 1 {
			f.ID = f.Rule + "." + digits[i][:long]
		}
	}
}

// digits stand for what of a flow no other flow of its rule has.
func (f *Flow) digits() string {
	client := ""
	if f.Origin == FromRule { // two clients may have the same addresses and ports
		client = f.Source.Name
	}
	tuple := fmt.Sprintln(f.Action, f.Direction, client, f.Source.Prefix, f.Source.Ports, f.Destination.Prefix, f.Destination.Ports)
	sum := sha256.Sum256([]byte(tuple))
	return hex.EncodeToString(sum[:])
}
