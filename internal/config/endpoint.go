package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint is what an upstream is dialled at.
type Endpoint struct {
	// Network is "tcp", "unix" or "builtin".
	Network string

	// Address is host:port with an IP address or a name, a resolved path or
	// "@name" of an abstract socket, or the name of a built-in server.
	Address string
}

// String returns the endpoint as it would be configured.
func (e Endpoint) String() string {
	if e.Network == "tcp" {
		return e.Address
	}
	return e.Network + ":" + e.Address
}

// Host returns the name or address of a TCP endpoint, or "".
func (e Endpoint) Host() string {
	if e.Network != "tcp" {
		return ""
	}
	host, _, _ := net.SplitHostPort(e.Address)
	return host
}

const endpointForms = `accepted are "host:port", "unix:path" and "builtin:echo"`

// builtins are the servers that sallyport has inside.
func builtins() []string { return []string{"echo"} }

// parseEndpoint reads the address of an upstream. Relative paths start from dir.
func parseEndpoint(dir, s string) (Endpoint, *flaw) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if len(path) > 1 && path[0] == '@' && len(path) <= longestSocket {
			return Endpoint{"unix", path}, nil
		}
		resolved, f := socketPath(dir, path)
		return Endpoint{"unix", resolved}, f
	}
	if name, ok := strings.CutPrefix(s, "builtin:"); ok {
		for _, known := range builtins() {
			if name == known {
				return Endpoint{"builtin", name}, nil
			}
		}
		return Endpoint{}, &flaw{fmt.Sprintf("no built-in server %q", name), wordHint(name, builtins())}
	}
	if strings.HasPrefix(s, "systemd:") {
		return Endpoint{}, &flaw{"systemd hands over sockets to listen on, not servers", endpointForms}
	}
	host, port, f := splitHostPort(s, "127.0.0.1", endpointForms)
	switch {
	case f != nil:
		return Endpoint{}, f
	case port == 0:
		return Endpoint{}, &flaw{"port 0 cannot be connected to", "name the port of the server"}
	}
	if f := hostFlaw(host, port); f != nil {
		return Endpoint{}, f
	}
	return Endpoint{"tcp", net.JoinHostPort(host, strconv.Itoa(int(port)))}, nil
}

// hostFlaw finds what is wrong with the host of an upstream.
func hostFlaw(host string, port uint16) *flaw {
	if host == "" {
		return &flaw{"names no host", fmt.Sprintf(`for a server on this host write "127.0.0.1:%d"`, port)}
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return nameFlaw(host)
	case ip.IsUnspecified():
		return &flaw{
			fmt.Sprintf("%q means every address and cannot be connected to", host),
			fmt.Sprintf("for a server on this host write %q", netip.AddrPortFrom(loopbackLike(ip), port)),
		}
	case ip.IsMulticast():
		return &flaw{fmt.Sprintf("%s is a multicast address and cannot be connected to", ip), ""}
	case ip.Is4In6():
		return &flaw{
			fmt.Sprintf("%s is an IPv4 address embedded in IPv6", ip),
			fmt.Sprintf("write %q", netip.AddrPortFrom(ip.Unmap(), port)),
		}
	}
	return nil
}

func loopbackLike(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}
