package matrix

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sallyport/policy"
)

func (r *row) target() {
	c := r.of(TargetIP)
	var err error
	switch r.targets, _, err = r.addresses(c.text, r.of(TargetMask).text); {
	case err != nil && !nothing(c.text):
		r.refuse(c, TargetIP, err)
	case nothing(c.text):
		r.targets = nil
	}
	protocol := r.of(Protocol)
	spoken, err := parseProtocols(protocol.text)
	if err != nil {
		r.refuse(protocol, Protocol, err)
		return
	}
	c, list := r.service()
	if list == nil {
		return
	}
	switch {
	case !spoken.tcp && list.spoken:
		r.fail(protocol, fmt.Sprintf("%s: %s, and the ports are of TCP", Protocol, quoted(protocol.text)), "")
	case !spoken.tcp:
		r.fail(protocol, noTCP(spoken.others), "")
	case len(list.others) > 0 && len(list.ranges) == 0:
		r.fail(c, noTCP(list.others), "")
	case len(list.others) > 0:
		r.leave(c, noTCP(list.others), "")
	case len(spoken.others) > 0:
		r.leave(protocol, noTCP(spoken.others), "")
	}
	if spoken.all != "" {
		r.remark("of %s only TCP is meant here: nothing else passes sallyport", quoted(spoken.all))
	}
	r.targetPorts = list.ranges
}

// family leaves the addresses of the family that the row is about.
func (r *row) family() {
	c := r.of(Family)
	var others func(netip.Prefix) bool
	switch strings.ToLower(c.text) {
	case "ipv4", "4", "inet":
		others = func(p netip.Prefix) bool { return !p.Addr().Is4() }
	case "ipv6", "6", "inet6":
		others = func(p netip.Prefix) bool { return p.Addr().Is4() }
	case "", "any", "both":
		return
	default:
		r.fail(c, fmt.Sprintf("%s: unknown value %s", Family, quoted(c.text)), `write "ipv4" or "ipv6"`)
		return
	}
	sources, targets := len(r.sources), len(r.targets)
	r.sources, r.targets = slices.DeleteFunc(r.sources, others), slices.DeleteFunc(r.targets, others)
	if !r.anySource && len(r.sources) < sources || len(r.targets) == 0 && targets > 0 {
		r.fail(c, fmt.Sprintf("the row is about %s, and its addresses are not", c.text), "")
	}
}

// service returns the cell about the destination's ports and what it says, or lists what is wrong with it. A name of a service beside a
// column of ports only counts if it says something.
func (r *row) service() (cell, *portList) {
	port, service := r.of(TargetPort), r.of(Service)
	if nothing(port.text) && !nothing(service.text) {
		port, service.text = service, ""
	}
	list := new(portList)
	if nothing(port.text) {
		return port, list
	}
	list, err := parsePorts(port.text, r.exact)
	if err != nil {
		r.refuse(port, TargetPort, err)
		return port, nil
	}
	if nothing(service.text) {
		return port, list
	}
	other, err := parsePorts(service.text, r.exact)
	switch {
	case err != nil:
		return port, list // what people call it
	case len(other.ranges) > 0 && !slices.Equal(policy.MergePorts(other.ranges), policy.MergePorts(list.ranges)), len(other.ranges) == 0 && len(other.others) > 0:
		r.fail(service, fmt.Sprintf("the service is %s and the port is %s", quoted(service.text), quoted(port.text)), "let them say the same, or empty one of them")
		return port, nil
	}
	list.others = append(list.others, other.others...)
	return port, list
}
