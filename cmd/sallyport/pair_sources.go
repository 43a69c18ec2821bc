package main

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/config"
	"sallyport/policy"
)

// sources looks for connections that both halves would make from one port to one server. Only one of them can.
func (c *comparison) sources() {
	mine, theirs := pinsOf(c.a.config), pinsOf(c.b.config)
	for i := range mine {
		for j := range theirs {
			c.pins(&mine[i], &theirs[j])
		}
	}
}

func (c *comparison) pins(a, b *pin) {
	ports := policy.CommonPorts(a.ports, b.ports)
	if len(ports) == 0 {
		return
	}
	to := commonDestination(a.toward, b.toward)
	if to == "" {
		return
	}
	from, kind := c.commonSource(a.sources, b.sources)
	const each = "give each half ports of its own"
	switch kind {
	case sourceSame:
		c.error(aboutSources, "%s: both connect from %s to %s: %s (%s of %s), and %s (%s of %s); "+
			"pins that were copied from one half to the other collide if both run on one host: %s",
			portsText(ports), from, to, a.at.Pos, a.purpose, a.owner, b.at.Pos, b.purpose, b.owner, each)
	case sourceUnknown:
		c.warn(aboutSources, "%s: both connect from no address in particular to %s: %s (%s of %s), and %s (%s of %s); "+
			"they collide if both run on one host: %s, or set address",
			portsText(ports), to, a.at.Pos, a.purpose, a.owner, b.at.Pos, b.purpose, b.owner, each)
	}
}

// sourceKind says whether two pins have a source address in common.
type sourceKind uint8

const (
	sourceApart sourceKind = iota
	sourceUnknown
	sourceSame
)

// commonSource compares source addresses. Every host has the addresses of loopback, so they are the same only on one host;
// and there a pin without an address may get that of the other.
func (c *comparison) commonSource(a, b []netip.Addr) (from string, kind sourceKind) {
	for _, address := range a {
		if slices.Contains(b, address) && (c.sameHost || !address.IsLoopback()) {
			return address.String(), sourceSame
		}
	}
	switch either := len(a) == 0 || len(b) == 0; {
	case c.sameHost && either:
		return "any address", sourceSame
	case len(a) == 0 && len(b) == 0:
		return "", sourceUnknown
	default:
		return "", sourceApart
	}
}

// commonDestination returns an endpoint that both reach, or "".
func commonDestination(a, b []config.Endpoint) string {
	for _, x := range a {
		for _, y := range b {
			if strings.EqualFold(x.Address, y.Address) {
				return x.String()
			}
		}
	}
	return ""
}

// listening is an address that one half listens on.
type listening struct {
	config.Located[config.Address]
	owner string
}

func (p *partner) listening() []listening {
	var all []listening
	if !p.config.Admin.Off {
		all = append(all, listening{p.config.Admin.Listen, "admin endpoint"})
	}
	for i := range p.config.Applications {
		for j := range p.config.Applications[i].Ports {
			port := &p.config.Applications[i].Ports[j]
			all = append(all, listening{port.Listen, "port " + port.Name()})
		}
	}
	return all
}

// addresses looks for sockets that two processes on one host cannot both have, and for a directory that they share.
func (c *comparison) addresses() {
	for _, a := range c.a.listening() {
		for _, b := range c.b.listening() {
			if overlap(a.Value, b.Value) {
				c.error(aboutAddresses, "%s listens on %s at %s, and %s on %s at %s: on one host only one of them can",
					a.owner, a.Value, where(c.a, a.Located), b.owner, b.Value, where(c.b, b.Located))
			}
		}
	}
	if dir := c.a.config.Host.StateDir; samePath(dir, c.b.config.Host.StateDir) {
		c.warn(aboutAddresses, "both have %s for their state_dir, and would overwrite each other's lock-outs", dir)
	}
}

// overlap reports whether two addresses cannot be listened on at the same time.
func overlap(a, b config.Address) bool {
	x, y := strings.HasPrefix(a.Network, "tcp"), strings.HasPrefix(b.Network, "tcp")
	if a.Network == "unix" && b.Network == "unix" {
		return samePath(a.Address, b.Address)
	}
	if !x || !y {
		return a == b
	}
	host, port, err := net.SplitHostPort(a.Address)
	otherHost, otherPort, err2 := net.SplitHostPort(b.Address)
	if err != nil || err2 != nil || port != otherPort || port == "0" {
		return false
	}
	return covers(host, otherHost) || covers(otherHost, host)
}

// covers reports whether listening on one host includes the other. None, and [::], are all addresses of both families.
func covers(wide, narrow string) bool {
	inner, err := netip.ParseAddr(narrow)
	switch wide {
	case narrow, "", netip.IPv6Unspecified().String():
		return true
	case netip.IPv4Unspecified().String():
		return err == nil && inner.Is4()
	default:
		return false
	}
}

// samePath reports whether two paths, each relative to the working directory or not, name one file.
func samePath(a, b string) bool {
	x, err := filepath.Abs(a)
	y, err2 := filepath.Abs(b)
	return a == b || err == nil && err2 == nil && x == y
}
