package policy

import (
	"fmt"
	"net/netip"
)

const lastPrivileged = 1023

func (r *resolver) checkClients() {
	for i := range r.src.Clients {
		c := &r.src.Clients[i]
		where := func(field string) spot { return at(ClientSection, i, field) }
		r.define(c.Name, element{kind: clientElement, index: i}, where("name"))
		r.checkAddresses(c.Addresses, where("addresses"))
		r.checkPorts(c.Ports, where("ports"))
		for j, identity := range c.Identities {
			canonical, err := ParseIdentity(identity.String())
			if err == nil && canonical != identity {
				err = &Malformed{Problem: quoted(identity.String()) + " is not in its canonical form", Hint: didYouMean(canonical.String())}
			}
			if err != nil {
				r.failParse(where("identities").item(j), err)
			}
		}
		if len(c.Addresses)+len(c.Ports)+len(c.Identities) == 0 && c.Name != "" {
			r.warn(spot{ClientSection, i, "", -1}, "client "+quoted(c.Name)+" matches everybody",
				`give it addresses, ports or identities; where everybody is meant, "any" says so`)
		}
	}
}

func (r *resolver) checkAddresses(list []netip.Prefix, where spot) {
	seen := make(map[netip.Prefix]bool, len(list))
	for i, p := range list {
		if err := checkPrefix(p); err != nil {
			r.failParse(where.item(i), err)
			continue
		}
		if seen[p] {
			r.warn(where.item(i), quoted(PrefixText(p))+" is there already", "")
		}
		seen[p] = true
	}
}

func (r *resolver) checkPorts(list []PortRange, where spot) {
	ephemeral := r.src.EphemeralRange()
	for i, p := range list {
		if _, err := ParsePortRange(p.String()); err != nil {
			r.failParse(where.item(i), err)
			continue
		}
		if p.First <= lastPrivileged {
			r.warn(where.item(i), fmt.Sprintf("source ports %s reach below 1024", p),
				"only privileged programs may use them on most systems")
		}
		if p.overlaps(ephemeral) {
			r.warn(where.item(i), fmt.Sprintf("source ports %s reach into the ephemeral range %s", p, ephemeral),
				"any connection of the client's host may hold such a port; choose others, or reserve them there with net.ipv4.ip_local_reserved_ports")
		}
		for _, earlier := range list[:i] {
			if p.overlaps(earlier) {
				r.warn(where.item(i), fmt.Sprintf("source ports %s overlap with %s", p, earlier), "")
				break
			}
		}
	}
}

func (r *resolver) nameGroups() {
	for i := range r.src.Groups {
		r.define(r.src.Groups[i].Name, element{kind: groupElement, index: i}, at(GroupSection, i, "name"))
	}
}

func (r *resolver) checkGroups() {
	r.members = make([][]element, len(r.src.Groups))
	for i := range r.src.Groups {
		where := at(GroupSection, i, "members")
		if len(r.src.Groups[i].Members) == 0 {
			r.fail(where, "the group has no members", "")
		}
		r.members[i] = r.elements(r.src.Groups[i].Members, where)
	}
	r.checkCycles()
}

// checkCycles finds groups that contain themselves. Each is told once, and its members
// are cut so that nothing has to look for cycles again.
func (r *resolver) checkCycles() {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(r.members))
	var path []int
	var visit func(g int)
	visit = func(g int) {
		state[g] = open
		path = append(path, g)
		for j := range r.members[g] {
			m := &r.members[g][j]
			if m.kind != groupElement {
				continue
			}
			switch state[m.index] {
			case unseen:
				visit(m.index)
			case open:
				r.fail(at(GroupSection, g, "members").item(j), "group "+quoted(r.src.Groups[m.index].Name)+" contains itself: "+
					r.cycle(path, m.index), "")
				*m = element{}
			}
		}
		path = path[:len(path)-1]
		state[g] = done
	}
	for g := range r.members {
		if state[g] == unseen {
			visit(g)
		}
	}
}

// cycle writes the end of path, from the group at which it closes.
func (r *resolver) cycle(path []int, first int) string {
	text := ""
	for i := len(path) - 1; i >= 0; i-- {
		text = quoted(r.src.Groups[path[i]].Name) + " has " + text
		if path[i] == first {
			break
		}
	}
	return text + quoted(r.src.Groups[first].Name)
}

// checkUse finds what nobody refers to. A client with require_tls acts by itself.
func (r *resolver) checkUse() {
	for i := range r.src.Clients {
		c := &r.src.Clients[i]
		if !r.usedClients[i] && !c.RequireTLS && r.names[c.Name] == (element{kind: clientElement, index: i}) {
			r.fail(at(ClientSection, i, "name"), "client "+quoted(c.Name)+" is not used", useHint)
		}
	}
	for i := range r.src.Groups {
		g := &r.src.Groups[i]
		if !r.usedGroups[i] && r.names[g.Name] == (element{kind: groupElement, index: i}) {
			r.fail(at(GroupSection, i, "name"), "group "+quoted(g.Name)+" is not used", useHint)
		}
	}
}

const useHint = "name it in the from of an [[allow]], or remove it"
