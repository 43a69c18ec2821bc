package policy

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// lintTo finds ports that a rule opens further than is good, or in vain.
func (l *linter) lintTo(r *rule) {
	everybody := l.everybody(r)
	identified, example := 0, int32(0)
	for _, e := range l.resolved.from[r.index] {
		t := l.traits(e)
		if t.identified > 0 && identified == 0 {
			example = t.example
		}
		identified += t.identified
	}
	for i, text := range r.To {
		where := at(AllowSection, r.index, "to").item(i)
		ports := l.resolved.ports[text]
		if application, isWildcard := wildcard(text); everybody && isWildcard {
			l.warn(where, "everybody may connect to every port of "+quoted(application), "name the clients, or the ports")
		}
		exposed, mute := l.among(ports, r)
		if len(exposed) > 0 && !l.local(r) {
			l.warn(where, fmt.Sprintf("plaintext is allowed on %q%s, which listens beyond loopback", exposed[0], more(len(exposed)-1)),
				"everybody on the way can read and change it; where TLS is possible, say tls = \"required\"")
		}
		if identified > 0 && len(mute) > 0 {
			l.warn(where, fmt.Sprintf("client %q%s must show an identity, and %q%s asks for no client certificate",
				l.names[example], more(identified-1), mute[0], more(len(mute)-1)),
				"the rule never allows it there; set client_auth on the port")
		}
	}
	if everybody {
		l.lintListed(r)
	}
}

// lintListed finds lists of ports that everybody may connect to and that are as good as a wildcard.
func (l *linter) lintListed(r *rule) {
	named := make(map[string]int)
	wild := make(map[string]bool)
	for _, p := range l.resolved.to[r.index] {
		named[l.src.Ports[p].Application]++
	}
	for _, text := range r.To {
		if application, isWildcard := wildcard(text); isWildcard {
			wild[application] = true
		}
	}
	where := at(AllowSection, r.index, "to")
	const hint = "name the clients, or the ports"
	if all := len(l.resolved.to[r.index]); all > 1 && all == len(l.src.Ports) && len(wild) == 0 {
		l.warn(where, "everybody may connect to every port there is", hint)
		return
	}
	var listed []string
	for application, n := range named {
		if n > 1 && n == len(l.resolved.ports[application+"/*"]) && !wild[application] {
			listed = append(listed, application)
		}
	}
	slices.Sort(listed)
	for _, application := range listed {
		l.warn(where, "everybody may connect to every port of "+quoted(application), hint)
	}
}

// local reports whether a rule is for this host alone, whose plaintext nobody on the way can see.
func (l *linter) local(r *rule) bool {
	for _, e := range l.resolved.from[r.index] {
		here := true
		l.expand(e, func(id int32) {
			leaf := &l.leaves[id]
			here = here && !leaf.everywhere && !slices.ContainsFunc(leaf.prefixes, func(p netip.Prefix) bool {
				return !slices.ContainsFunc(loopback[:], func(own netip.Prefix) bool { return own.Overlaps(p) && own.Bits() <= p.Bits() })
			})
		})
		if !here {
			return false
		}
	}
	return true
}

// among returns the names of those ports on which a rule allows plaintext beyond loopback,
// and of those that ask for no certificate.
func (l *linter) among(ports []int, r *rule) (exposed, mute []string) {
	for _, i := range ports {
		p := &l.src.Ports[i]
		if !r.reaches(p) {
			continue
		}
		if p.Exposed && p.Mode != Secure && r.TLS.admits(plainSession) {
			exposed = append(exposed, p.Name())
		}
		if !p.ClientAuth {
			mute = append(mute, p.Name())
		}
	}
	return exposed, mute
}

// everybody reports whether a rule is for every address of both families, however it is written.
func (l *linter) everybody(r *rule) bool {
	return l.extents.everybody(l.resolved.from[r.index])
}

// everybody reports whether elements have every address and source port together, whoever it is.
func (x *extents) everybody(elements []element) bool {
	var v4, v6 float64
	for _, e := range elements {
		s := x.shareOf(e)
		v4, v6 = v4+s.v4, v6+s.v6
	}
	const nearly = 0.999 // sums of fractions are not exact
	if v4 < nearly || v6 < nearly {
		return false
	}
	return x.holdArea(x.together(elements), &area{prefixes: everyAddress[:]})
}

// portion is at most how much of all sources of each family something has. It tells most elements
// from everybody at once.
type portion struct{ v4, v6 float64 }

func (x *extents) shareOf(e element) portion {
	if s, known := x.portions[e]; known {
		return s
	}
	var s portion
	for _, a := range x.of(e).areas {
		if len(a.identities) > 0 {
			continue
		}
		ports := 1.0
		if len(a.ports) > 0 {
			ports = 0
			for _, r := range a.ports {
				ports += float64(r.size()) / 0xffff
			}
		}
		for _, p := range a.prefixes {
			part := ports * math.Ldexp(1, -p.Bits())
			if p.Addr().Is4() {
				s.v4 += part
			} else {
				s.v6 += part
			}
		}
	}
	x.portions[e] = s
	return s
}

// lintExempt finds exemptions from lock-out that leave nobody.
func (l *linter) lintExempt() {
	const message, hint = "everybody is exempt, so nobody is ever locked out", "set failures = 0 for no lock-out"
	where := at(LockoutSection, 0, "exempt")
	found := false
	for i, e := range l.resolved.exempt {
		if l.sources.everybody([]element{e}) {
			l.warn(where.item(i), message, hint)
			found = true
		}
	}
	if !found && l.sources.everybody(l.resolved.exempt) {
		l.warn(where, message, hint)
	}
}
