package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"sallyport/internal/config"
	"sallyport/policy"
)

// What this host makes of the source ports of a configuration. It may be checked on another host than the one it is for,
// so all of it are warnings: run starts, and refuses the sessions that cannot be connected with their own reason.

// pins reports what this host makes of source ports. What it does not tell is no problem of the configuration.
func (p *planner) pins(h host) {
	pins := pinsOf(p.plan.config)
	for _, rule := range []func(host, []pin) (config.Problems, error){kernelChosenPorts, privilegedPorts} {
		problems, _ := rule(h, pins)
		p.problems = append(p.problems, problems...)
	}
	problems, _ := absentAddresses(h, p.plan.config)
	p.problems = append(p.problems, problems...)
}

// kernelChosenPorts warns of ports that the kernel may have given to any other connection.
func kernelChosenPorts(h host, pins []pin) (config.Problems, error) {
	if len(pins) == 0 {
		return nil, nil
	}
	chosen, err := h.kernelChosen()
	reserved, err2 := h.reserved()
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	exposed := rangesWithout([]policy.PortRange{chosen}, reserved)
	var missing []policy.PortRange
	for i := range pins {
		missing = append(missing, policy.CommonPorts(pins[i].ports, exposed)...)
	}
	setting := reservedSysctl + "=" + rangesText(policy.MergePorts(slices.Concat(reserved, missing)))
	hint := "reserve them with: sysctl -w " + setting + "\n  for good, put into /etc/sysctl.d/90-sallyport.conf: " + setting
	var problems config.Problems
	for i := range pins {
		if ports := policy.CommonPorts(pins[i].ports, exposed); len(ports) > 0 {
			problems = append(problems, pins[i].at.Warning(
				fmt.Sprintf("the system gives %s to any connection (%s is %s)", portsText(ports), portRangeSysctl, chosen), hint))
		}
	}
	return problems, nil
}

// privilegedPorts warns of ports that this process may not bind.
func privilegedPorts(h host, pins []pin) (config.Problems, error) {
	if len(pins) == 0 {
		return nil, nil
	}
	start, err := h.number(unprivilegedSysctl)
	if err != nil || start <= 1 {
		return nil, err
	}
	privileged := []policy.PortRange{{First: 1, Last: uint16(min(start-1, 1<<16-1))}}
	var problems config.Problems
	for i := range pins {
		if ports := policy.CommonPorts(pins[i].ports, privileged); len(ports) > 0 {
			problems = append(problems, pins[i].at.Warning(
				fmt.Sprintf("%s below %d, and this process may not use such", areText(ports), start),
				"grant it CAP_NET_BIND_SERVICE (AmbientCapabilities= in the systemd unit), or choose ports from 1024 to 32767"))
		}
	}
	if len(problems) == 0 {
		return nil, nil
	}
	if allowed, err := h.lowPorts(); allowed || err != nil {
		return nil, err
	}
	return problems, nil
}

// absentAddresses warns of source addresses that this host does not have.
func absentAddresses(h host, cfg *config.Config) (config.Problems, error) {
	bindings := bindingsOf(cfg)
	if len(bindings) == 0 {
		return nil, nil
	}
	own, err := h.addresses()
	if err != nil {
		return nil, err
	}
	var problems config.Problems
	for _, b := range bindings {
		for _, a := range b.upstream.Source.Addresses {
			if !holds(own, a.Value) {
				problems = append(problems, a.Warning(
					fmt.Sprintf("%s is not an address of this host", a.Value),
					fmt.Sprintf("on the host that it is for, sessions are refused (%s) as long as that does not have it", policy.SourceAbsent)))
			}
		}
	}
	return problems, nil
}

// number returns a setting of the kernel that is a number.
func (h *host) number(name string) (int, error) {
	text, err := h.sysctl(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a number", name, text)
	}
	return n, nil
}

// portsText writes ranges with their noun.
func portsText(ranges []policy.PortRange) string {
	if len(ranges) == 1 && ranges[0].First == ranges[0].Last {
		return "port " + rangesText(ranges)
	}
	return "ports " + rangesText(ranges)
}

// areText writes ranges with their noun and verb.
func areText(ranges []policy.PortRange) string {
	if len(ranges) == 1 && ranges[0].First == ranges[0].Last {
		return portsText(ranges) + " is"
	}
	return portsText(ranges) + " are"
}
