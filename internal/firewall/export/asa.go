package export

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// What an ASA takes, by the Cisco ASA Series Firewall CLI Configuration Guide, "Objects for Access Control" and "Access Control
// Lists".
const (
	asaName   = 64  // characters of the name of an object
	asaRemark = 100 // characters of a remark
)

// asaPlain are the characters of remarks. There is no question mark: typed at a terminal it asks for help.
const asaPlain = "._:/@+=,;()-"

// writeASA writes object groups and an access list for each direction. The lists do not end with a denial of everything, because
// they are to become a part of what an interface has.
func writeASA(m *firewall.Matrix, _ Options) (*Artefact, error) {
	statements := append(statementsOf(m.Flows), statementsOf(defaults(m))...)
	a := asa{objects: names{limit: asaName, prefix: "SP_", others: "_-", fill: "_"}, written: make(map[string]bool)}
	var losses []Loss
	for i := range statements {
		if asaTooLate(&statements[i]) {
			losses = append(losses, lostDays(statements[i:i+1])...)
		}
		a.statement(&statements[i])
	}
	var out bytes.Buffer
	for _, line := range slices.Concat(head(m), asaNotes(m), lossLines(losses)) {
		fmt.Fprintf(&out, "! %s\n", ascii(line, asaPlain))
	}
	out.Write(a.groups.Bytes())
	for _, d := range []firewall.Direction{firewall.Inbound, firewall.Outbound, firewall.Transit} {
		if list := a.lists[d]; list != nil {
			out.Write(list.Bytes())
		}
	}
	return &Artefact{Files: []File{{Name: "sallyport.asa", Data: out.Bytes()}}, Losses: losses}, nil
}

// asa is a configuration in the making.
type asa struct {
	objects names
	written map[string]bool // objects by name
	groups  bytes.Buffer
	lists   map[firewall.Direction]*bytes.Buffer
}

// statement adds the lines of a statement to the list of its direction, and the objects that they need.
func (a *asa) statement(e *statement) {
	list := a.list(e.flow.Direction)
	name := asaList(e.flow.Direction)
	for _, remark := range e.remarks() {
		fmt.Fprintf(list, "access-list %s remark %s\n", name, strings.TrimRight(cut(ascii(remark, asaPlain), asaRemark), " "))
	}
	action := "permit"
	if e.flow.Action == firewall.Deny {
		action = "deny"
	}
	source := a.network(e.flow.Source.Name, e.sources)
	ports := a.sourcePorts(e)
	destination := a.network(e.flow.Destination.Name, e.destinations)
	end := a.end(e)
	fmt.Fprintf(list, "access-list %s extended %s tcp %s%s %s eq %d%s\n", name, action, source, ports, destination, e.port(), end)
}

func (a *asa) list(d firewall.Direction) *bytes.Buffer {
	if a.lists == nil {
		a.lists = make(map[firewall.Direction]*bytes.Buffer)
	}
	if a.lists[d] == nil {
		a.lists[d] = new(bytes.Buffer)
	}
	return a.lists[d]
}

// asaList returns the name of the list of a direction.
func asaList(d firewall.Direction) string { return "SALLYPORT-" + strings.ToUpper(string(d)) }

// network returns addresses as a line of a list has them.
func (a *asa) network(of string, prefixes []netip.Prefix) string {
	if len(prefixes) == 1 {
		return asaAddress(prefixes[0])
	}
	if of == "" {
		of = "addresses"
	}
	var members strings.Builder
	for _, p := range prefixes {
		fmt.Fprintf(&members, " network-object %s\n", asaAddress(p))
	}
	return a.group("network", "N_", of, "", members.String())
}

// asaAddress returns an address, or a prefix: with a mask, not with a wildcard as on IOS.
func asaAddress(p netip.Prefix) string {
	switch {
	case p.Bits() == 0 && p.Addr().Is4():
		return "any4"
	case p.Bits() == 0:
		return "any6"
	case p.IsSingleIP():
		return "host " + p.Addr().String()
	case p.Addr().Is6():
		return p.String()
	}
	return p.Addr().String() + " " + netmask(p.Addr(), p.Bits()).String()
}

// sourcePorts returns the operator and ports that follow the source, with a space before them.
func (a *asa) sourcePorts(e *statement) string {
	switch {
	case e.anyPort():
		return ""
	case len(e.ports) == 1:
		return " " + asaPorts(e.ports[0])
	}
	var members strings.Builder
	for _, r := range e.ports {
		fmt.Fprintf(&members, " port-object %s\n", asaPorts(r))
	}
	return " " + a.group("service", "S_", e.who(), " tcp", members.String())
}

func asaPorts(r policy.PortRange) string {
	if r.First == r.Last {
		return fmt.Sprintf("eq %d", r.First)
	}
	return fmt.Sprintf("range %d %d", r.First, r.Last)
}

// group writes an object group, once, and returns how lists refer to it. Its name tells its members: those of a group that is there
// would stay.
func (a *asa) group(kind, prefix, of, protocol, members string) string {
	name := a.objects.name(prefix + of + "_" + fingerprint(members)[:8])
	if !a.written[name] {
		a.written[name] = true
		fmt.Fprintf(&a.groups, "object-group %s %s%s\n%s", kind, name, protocol, members)
	}
	return "object-group " + name
}

// end returns the time range of a statement that has a last day, with a space before it.
func (a *asa) end(e *statement) string {
	if e.flow.Expires.IsZero() || asaTooLate(e) {
		return ""
	}
	last := e.flow.Expires.UTC()
	name := "SP_END_" + last.Format("20060102")
	if !a.written[name] {
		a.written[name] = true
		fmt.Fprintf(&a.groups, "time-range %s\n absolute end 23:59 %s\n", name, last.Format("02 January 2006"))
	}
	return " time-range " + name
}

// asaTooLate reports whether the last day of a statement is beyond the calendar of time ranges.
func asaTooLate(e *statement) bool {
	return e.flow.Expires.After(time.Date(2035, time.December, 31, 0, 0, 0, 0, time.UTC))
}
