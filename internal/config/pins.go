package config

import (
	"fmt"
	"net/netip"
	"slices"

	"sallyport/policy"
)

// pins are source ports towards one endpoint.
type pins struct {
	upstream  *Upstream
	owner     string // of the upstream, for messages: application "a"
	at        Located[string]
	addresses []netip.Addr // those that may be used towards the endpoint; none: the system chooses
	ports     []policy.PortRange
	checks    bool       // that only ask whether the endpoint is well
	to        string     // as of destination
	literal   netip.Addr // of the endpoint; the zero one if it has a name
}

// shared warns of source ports that two upstreams have in part. The pool gives no port away twice, and equal ranges are
// shared on purpose; some ports of a range in another look like a slip.
func (c *checker) shared(applications []Application) {
	towards := make(map[string][]pins) // the different ones
	warned := make(map[[2]string]bool)
	for _, p := range pinsOf(applications) {
		known := false
		for _, q := range towards[p.to] {
			pair := [2]string{p.at.Key, q.at.Key}
			both := p.overlap(q)
			switch {
			case p.upstream == q.upstream || len(both) == 0:
			case p.checks == q.checks && slices.Equal(p.ports, q.ports):
				known = known || slices.Equal(p.addresses, q.addresses)
			case !warned[pair]:
				warned[pair] = true
				c.report(p.at.Warning(
					fmt.Sprintf("overlaps in %s with %s of %s, and both go to %s", both[0], lastPart(q.at.Key), q.owner, p.to),
					"see "+q.at.Pos.String()+"; "+p.sharing(q)))
			}
		}
		if !known {
			towards[p.to] = append(towards[p.to], p)
		}
	}
}

// sharing says what to do about an overlap.
func (p pins) sharing(q pins) string {
	if p.checks != q.checks {
		return "checks and sessions would wait for each other"
	}
	return "name the same ports in both to share them, or different ones"
}

// overlap returns ports that both have, from what may be the same address.
func (p pins) overlap(q pins) []policy.PortRange {
	same := len(p.addresses) == 0 || len(q.addresses) == 0 ||
		slices.ContainsFunc(p.addresses, func(a netip.Addr) bool { return slices.Contains(q.addresses, a) })
	if !same {
		return nil
	}
	return policy.CommonPorts(p.ports, q.ports)
}

// pinsOf returns those of all upstreams, in the order of the file.
func pinsOf(applications []Application) []pins {
	var all []pins
	for i := range applications {
		app := &applications[i]
		all = append(all, app.Upstream.pins(applicationLevel(app.Name.Value))...)
		for j := range app.Ports {
			for _, s := range app.Ports[j].SNI {
				if s.Upstream != nil {
					all = append(all, s.Upstream.pins(sniLevel(s.Names, portLevel(app.Ports[j].Name())))...)
				}
			}
		}
	}
	return all
}

func (u *Upstream) pins(owner string) []pins {
	if u.Source == nil {
		return nil
	}
	s := u.Source
	var all []pins
	add := func(at Located[string], ports []policy.PortRange, checks bool, e Endpoint) {
		literal, _ := netip.ParseAddr(e.Host())
		from := s.towards(literal)
		unusable := s.At.Set && len(from) == 0 // and reported
		if len(ports) > 0 && e.Network == "tcp" && !unusable {
			all = append(all, pins{u, owner, at, from, ports, checks, destination(e), literal})
		}
	}
	for _, e := range u.Endpoints() {
		payload := s.PortsAt
		backup := u.Backup.Set && e.Key == u.Backup.Key
		if backup && len(s.BackupPorts) > 0 {
			payload = s.BackupPortsAt
		}
		add(payload, s.PortsFor(backup), false, e.Value)
		add(s.HealthPortsAt, s.HealthPorts, true, e.Value)
	}
	return all
}

// towards returns the addresses that connections to an endpoint come from: of its family, if it is a literal address.
func (s *Source) towards(literal netip.Addr) []netip.Addr {
	var all []netip.Addr
	for _, l := range s.Addresses {
		if !literal.IsValid() || l.Value.Is4() == literal.Is4() {
			all = append(all, l.Value)
		}
	}
	return all
}
