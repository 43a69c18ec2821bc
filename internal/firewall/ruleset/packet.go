package ruleset

import (
	"net/netip"

	"sallyport/internal/firewall"
)

// Packet is which packets of a connection are meant. A connection needs all of them.
type Packet string

// The packets of a connection, in the order in which they are judged.
const (
	First   Packet = "first"   // that opens it
	Answers Packet = "answers" // that come back
	Later   Packet = "later"   // of the client, once it was answered
)

// stage is a packet as an index.
type stage uint8

const (
	opening stage = iota
	reply
	further
	stages // how many there are
)

// byStage is something that each packet has.
type byStage[T any] [stages]T

// each returns what a function makes of the value of each packet.
func each[T, U any](values byStage[T], f func(T) U) byStage[U] {
	var all byStage[U]
	for i, v := range values {
		all[i] = f(v)
	}
	return all
}

// tcpFlags returns the flags of the three packets of the handshake.
// RFC 9293, section 3.5
func tcpFlags() byStage[uint64] {
	const syn, ack = 0x02, 0x10
	return byStage[uint64]{opening: syn, reply: syn | ack, further: ack}
}

// Sequel is what becomes of connections behind their first packet. The regions share nothing, and their labels are of [Ruleset.Site].
type Sequel struct {
	Packet  Packet
	Denied  firewall.Region // with what drops it
	Unknown firewall.Region // with the rules on which it depends
}

// follow judges what comes after the first packet of connections from some sources, which pass. Destinations are a range within which
// no rule tells them apart, but rules may tell apart whose answers they are.
func (j *Judge) follow(c Connection, last netip.Addr, sources firewall.Region, bypass bool) ([]Sequel, error) {
	var all []Sequel
	for _, s := range []struct {
		stage
		Packet
	}{{reply, Answers}, {further, Later}} {
		if len(sources) == 0 {
			break
		}
		w := j.newWalk(c)
		w.stage, w.sources, w.bypass = s.stage, firewall.RegionOf(relabel(sources, 0)), bypass
		if s.stage == reply {
			w.Direction = backwards(c.Direction)
			w.last = last
		}
		here, err := w.through(w.sources)
		if err != nil {
			return nil, err
		}
		a := w.answer(here)
		if len(a.Denied)+len(a.Unknown) > 0 {
			all = append(all, Sequel{s.Packet, a.Denied, a.Unknown})
		}
		sources = a.Passes
	}
	return all, nil
}

// backwards returns the direction of answers.
func backwards(d firewall.Direction) firewall.Direction {
	switch d {
	case firewall.Inbound:
		return firewall.Outbound
	case firewall.Outbound:
		return firewall.Inbound
	default:
		return d
	}
}

// looksAt returns what a selector looks at: in an answer, the source of the connection is where it goes to.
func (w *walk) looksAt(s selector) field {
	if w.stage != reply || s.original {
		return s.field
	}
	switch s.field {
	case sourceAddress:
		return destinationAddress
	case sourcePort:
		return destinationPort
	case destinationAddress:
		return sourceAddress
	case destinationPort:
		return sourcePort
	default:
		return s.field
	}
}
