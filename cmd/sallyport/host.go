package main

import (
	"context"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"sallyport/policy"
)

// host is how the machine is asked about itself. What a system does not have, or does not tell, is an error; where it is
// [errors.ErrUnsupported], asking again with more privileges does not help.
type host struct {
	sysctl      func(name string) (string, error)
	addresses   func() ([]netip.Addr, error)
	lowPorts    func() (bool, error)                                         // whether the process may bind any port
	route       func(from netip.Addr, to netip.AddrPort) (netip.Addr, error) // the source address of a connection; from may be invalid
	sockets     func() ([]tcpSocket, error)
	inodes      func(pid int) (map[uint64]bool, error) // of a process' sockets
	descriptors func(pid int) (int, error)             // how many a process may have
	clock       func() (clockState, error)
	now         func() time.Time
	built       time.Time // zero: not known
}

// clockState is what the system knows of its clock.
type clockState struct {
	synchronised bool
	most         time.Duration // by which it may be wrong
}

// thisHost returns the machine that the process runs on.
func thisHost() host {
	return host{
		sysctl:      readSysctl,
		addresses:   interfaceAddresses,
		lowPorts:    mayBindLowPorts,
		route:       routeSource,
		sockets:     readSockets,
		inodes:      socketInodes,
		descriptors: descriptorLimitOf,
		clock:       readClock,
		now:         time.Now,
		built:       buildTime(),
	}
}

// interfaceAddresses returns the addresses of all interfaces.
func interfaceAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	return all, nil
}

// routeSource connects a UDP socket, which sends nothing: the system looks for a route and chooses an address.
func routeSource(from netip.Addr, to netip.AddrPort) (netip.Addr, error) {
	var dialer net.Dialer
	if from.IsValid() {
		dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := dialer.DialContext(context.Background(), "udp", to.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// buildTime returns when what was built was committed.
func buildTime() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value)
			return t
		}
	}
	return time.Time{}
}

// holds reports whether a source address can be bound: all of 127.0.0.0/8 can, though only one of it is at an interface.
func holds(addresses []netip.Addr, a netip.Addr) bool {
	if a.Is4() && a.IsLoopback() {
		return true
	}
	for _, own := range addresses {
		if own.WithZone("") == a.WithZone("") {
			return true
		}
	}
	return false
}

// kernelChosen returns the ports that the kernel gives to connections that ask for none.
func (h *host) kernelChosen() (policy.PortRange, error) {
	text, err := h.sysctl(portRangeSysctl)
	if err != nil {
		return policy.PortRange{}, err
	}
	return parseKernelSpan(text)
}

// reserved returns the ports that the kernel keeps out of that.
func (h *host) reserved() ([]policy.PortRange, error) {
	text, err := h.sysctl(reservedSysctl)
	if err != nil {
		return nil, err
	}
	return parseKernelRanges(text)
}

// The settings of Linux that count for source ports, of IPv6 as well.
const (
	portRangeSysctl    = "net.ipv4.ip_local_port_range"
	reservedSysctl     = "net.ipv4.ip_local_reserved_ports"
	unprivilegedSysctl = "net.ipv4.ip_unprivileged_port_start"
	timestampsSysctl   = "net.ipv4.tcp_timestamps"
)
