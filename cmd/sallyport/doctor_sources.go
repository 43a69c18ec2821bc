package main

import (
	"fmt"
	"net/netip"

	"sallyport/internal/config"
)

// nothingPinned is said where there is nothing to look at.
const nothingPinned = "no upstream has source ports"

// sourceAddresses looks for source addresses that this host does not have.
func sourceAddresses(x *examination) []finding {
	problems, err := absentAddresses(x.host, x.config)
	switch n := len(bindingsOf(x.config)); {
	case err != nil:
		return unlooked(err)
	case len(problems) > 0:
		return found(levelProblem, problems)
	case n == 0:
		return okay("no upstream has a source address")
	default:
		return okay("those of %s are addresses of this host", count(n, "upstream"))
	}
}

// sourcePortRange looks for source ports that the kernel gives away.
func sourcePortRange(x *examination) []finding {
	return x.onPins(kernelChosenPorts, "the system gives no source port to other connections")
}

// sourcePrivileges looks for source ports that take a privilege.
func sourcePrivileges(x *examination) []finding {
	return x.onPins(privilegedPorts, "no source port takes a privilege that is missing")
}

// onPins applies a rule of check.
func (x *examination) onPins(rule func(host, []pin) (config.Problems, error), fine string) []finding {
	if len(x.pins) == 0 {
		return okay(nothingPinned)
	}
	problems, err := rule(x.host, x.pins)
	switch {
	case err != nil:
		return unlooked(err)
	case len(problems) > 0:
		return found(levelWarning, problems)
	default:
		return okay("%s", fine)
	}
}

// timestamps looks whether a port can be used again while its last connection is in TIME-WAIT.
func timestamps(x *examination) []finding {
	if len(x.pins) == 0 {
		return okay(nothingPinned)
	}
	setting, err := x.host.sysctl(timestampsSysctl)
	if err != nil {
		return unlooked(err)
	}
	if setting == "0" {
		return []finding{{Level: levelWarning,
			Text: "TCP timestamps are off: a source port whose connection was closed from here cannot be used again for 60 s",
			Hint: "sysctl -w " + timestampsSysctl + "=1"}}
	}
	return okay("TCP timestamps are on: a source port can be used again at once")
}

// routes looks from which address upstreams are reached. Names are left out: what they lead to may differ by the time.
func routes(x *examination) []finding {
	var all []finding
	for _, b := range upstreamsOf(x.config) {
		for _, e := range b.upstream.Endpoints() {
			to, err := netip.ParseAddrPort(e.Value.Address)
			if e.Value.Network != "tcp" || err != nil {
				continue
			}
			f := x.route(b.upstream.Source, to)
			f.Position = e.Pos.String()
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return okay("no upstream has a literal address")
	}
	return all
}

func (x *examination) route(source *config.Source, to netip.AddrPort) finding {
	chosen, err := x.host.route(netip.Addr{}, to)
	from, declared := sourceFor(source, to.Addr())
	switch {
	case source != nil && len(source.Addresses) > 0 && !declared:
		return finding{Level: levelProblem, Text: fmt.Sprintf("no source address is of the family of %s", to),
			Hint: "add one to address in [application.upstream.source]"}
	case err != nil && !declared:
		return finding{Level: levelProblem, Text: fmt.Sprintf("no way to %s: %v", to, err)}
	case !declared:
		return finding{Level: levelOK, Text: fmt.Sprintf("%s is reached from %s, as the system chooses", to, chosen)}
	}
	if own, err := x.host.addresses(); err == nil && !holds(own, from) {
		return unlooked(fmt.Errorf("%s is not an address of this host", from))[0]
	}
	if _, bound := x.host.route(from, to); bound != nil {
		return finding{Level: levelProblem, Text: fmt.Sprintf("no way from %s to %s: %v", from, to, bound)}
	}
	text := fmt.Sprintf("%s is reached from %s", to, from)
	if err == nil && chosen != from {
		return finding{Level: levelNote, Text: fmt.Sprintf("%s; by itself the system would choose %s", text, chosen),
			Hint: "answers have to come back to that address: look at the routes of both sides, and at rp_filter"}
	}
	return finding{Level: levelOK, Text: text}
}

// sourceFor returns the source address toward a destination.
func sourceFor(source *config.Source, to netip.Addr) (netip.Addr, bool) {
	if source == nil {
		return netip.Addr{}, false
	}
	for _, a := range source.Addresses {
		if a.Value.Is4() == to.Is4() {
			return a.Value, true
		}
	}
	return netip.Addr{}, false
}
