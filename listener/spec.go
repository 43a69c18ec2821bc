package listener

import (
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The networks of a Spec beside tcp, tcp4, tcp6.
const (
	networkUnix    = "unix"
	networkSystemd = "systemd"
)

// Spec says which socket is wanted.
type Spec struct {
	// Network is tcp, tcp4, tcp6, unix, or systemd. With tcp an address without a host or
	// with [::] takes IPv4 and IPv6; 0.0.0.0 takes IPv4 only (the net package would open both).
	Network string

	// Address is host:port, the path of a UNIX socket, or the name of a socket that
	// systemd passed (FileDescriptorName=).
	Address string

	// ID tells sockets apart whose port the kernel chooses (port 0); nothing else needs it.
	ID string

	// DeadPeer is after how long a TCP peer that answers no keepalive probe is given up.
	// Zero or less means no probes. It may change while the socket
	// stays open; connections accepted before keep theirs.
	DeadPeer time.Duration
}

// Key identifies the socket across reloads: specs of one socket have one key, however they are written.
func (s Spec) Key() string {
	network, address := s.canonical()
	key := network + " " + address
	if strings.HasSuffix(address, ":0") && network != networkUnix && network != networkSystemd && s.ID != "" {
		key += " " + s.ID
	}
	return key
}

// String returns the spec as configuration writes it.
func (s Spec) String() string {
	if s.Network == networkUnix || s.Network == networkSystemd {
		return s.Network + ":" + s.Address
	}
	return s.Address
}

func (s Spec) isTCP() bool { return strings.HasPrefix(s.Network, "tcp") }

// canonical returns the network and address to open. What cannot be read is
// returned as it is: opening it gives the error.
func (s Spec) canonical() (network, address string) {
	switch {
	case s.Network == networkUnix:
		if abs, err := filepath.Abs(s.Address); err == nil {
			return s.Network, abs
		}
		return s.Network, s.Address
	case !s.isTCP():
		return s.Network, s.Address
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return s.Network, s.Address
	}
	if n, err := net.LookupPort("tcp", port); err == nil {
		port = strconv.Itoa(n)
	}
	network, host = canonicalHost(s.Network, strings.ToLower(host))
	return network, net.JoinHostPort(host, port)
}

// canonicalHost gives a host its shortest form and the network the family that the host means.
func canonicalHost(network, host string) (string, string) {
	if host == "" {
		if network == "tcp4" {
			return network, "0.0.0.0"
		}
		return network, "::"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return network, host
	}
	addr = addr.Unmap()
	if network == "tcp" && addr.Is4() {
		network = "tcp4"
	}
	if network == "tcp" && !addr.IsUnspecified() {
		network = "tcp6"
	}
	return network, addr.String()
}

// deadPeer returns the time after which a silent peer is given up; 0 for never.
func (s Spec) deadPeer() time.Duration {
	if !s.isTCP() && s.Network != networkSystemd {
		return 0
	}
	return s.DeadPeer
}
