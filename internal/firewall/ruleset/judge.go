package ruleset

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sallyport/internal/firewall"
)

// Judge answers what a ruleset does with new connections. It is not for concurrent use.
type Judge struct {
	*Ruleset

	// Interface is the name of the one by which packets come in, or go out from this host. While it is empty, conditions on
	// interfaces other than the loopback cannot be told.
	Interface string

	// Now is the time for which rules are judged. Zoned says that times in the ruleset are in UTC.
	Now   time.Time
	Zoned bool

	indexes map[indexKey]*index
	extents map[extentKey]extent // that no destination changes
	fromV6  bool                 // family of extents
	effort  int                  // how much work a connection may make; zero for what is reasonable
}

// Connection is what all connections have in common that are judged at once. Their sources differ.
type Connection struct {
	Direction   firewall.Direction
	Destination netip.Addr
	Port        uint16
}

// Answer is what becomes of connections, by source. The three regions share nothing, and make up [Sources].
// Labels are of [Ruleset.Site].
type Answer struct {
	Passes  firewall.Region // with what accepts it; no label where no base chain is in the way
	Denied  firewall.Region // with what drops it
	Unknown firewall.Region // with the rules on which it depends

	// Limited are the sources that pass or are denied only within a limit, with the rules that have the limit. Everything is judged
	// as if no limit were reached.
	Limited firewall.Region

	// Translated are the sources whose addresses or ports are rewritten behind the firewall's last word.
	Translated firewall.Region

	// Sequels are what becomes of those that pass, and whose connections have to be made, behind the first packet. Only [Judge.Compare] asks.
	Sequels []Sequel

	bypass bool // some packets may have been taken out of connection tracking
}

// ErrIntricate says that there are so many rules and sources, or ways from chain to chain, that no answer is found in reasonable time.
var ErrIntricate = errors.New("the rules tell too many sources apart, or their chains lead to one another in too many ways")

// noSite is the label of what passes because nothing is in its way.
const noSite = -1

// Judge answers for the first packet of connections.
func (j *Judge) Judge(c Connection) (*Answer, error) {
	v6 := c.Destination.Is6()
	if why, unread := j.Unread[familyFor(v6)]; unread {
		return nil, fmt.Errorf("%w: %s", ErrUnread, why)
	}
	w := j.newWalk(c)
	here, err := w.through(w.sources)
	if err != nil {
		return nil, err
	}
	return w.answer(here), nil
}

// ErrUnread says that the rules of the connection's family were not read.
var ErrUnread = errors.New("not all rules were read")

func familyFor(v6 bool) Family {
	if v6 {
		return IPv6
	}
	return IPv4
}

// bases returns the base chains of a hook in the order in which packets reach them.
func (r *Ruleset) bases(hook string, v6 bool) []*Chain {
	var all []*Chain
	for _, t := range r.Tables {
		if !t.sees(v6) {
			continue
		}
		for _, c := range t.Chains {
			if c.Hook == hook {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *Chain) int { return cmp.Compare(a.Priority, b.Priority) })
	return all
}

// answer sorts sources by where they arrived.
func (w *walk) answer(here firewall.Region) *Answer {
	dropped, perhaps := firewall.RegionOf(w.dropped), firewall.RegionOf(w.unsure)
	a := &Answer{
		Denied:     dropped.Minus(here).Minus(perhaps),
		Translated: firewall.RegionOf(w.translated),
		bypass:     w.bypass,
	}
	passes := here.Minus(dropped).Minus(perhaps)
	unknown := w.sources.Minus(passes).Minus(a.Denied)
	a.Passes = firewall.RegionOf(append(w.accepted, relabel(passes, noSite)...)).Common(passes)
	a.Unknown = firewall.RegionOf(append(w.doubts, w.unsure...)).Common(unknown)
	a.Limited = firewall.RegionOf(w.limited).Common(w.sources)
	return a
}

// relabel returns the patches of a region with one label.
func relabel(r firewall.Region, label int32) []firewall.Patch {
	all := make([]firewall.Patch, 0, len(r))
	for _, s := range r {
		for _, span := range s.Spans {
			all = append(all, firewall.Patch{First: s.First, Last: s.Last, Ports: span.PortRange, Label: label})
		}
	}
	return all
}
