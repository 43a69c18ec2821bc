package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// Address is what a port listens on.
type Address struct {
	// Network is "tcp" (IPv4 and IPv6), "tcp4", "tcp6", "unix" or "systemd".
	Network string

	// Address is host:port, a resolved path, or the FileDescriptorName of a
	// socket that systemd hands over. Port 0 lets the kernel choose.
	Address string
}

// String returns the address as it would be configured.
func (a Address) String() string {
	if a.Network == "unix" || a.Network == "systemd" {
		return a.Network + ":" + a.Address
	}
	return a.Address
}

// Local reports whether only programs on this host can connect. What systemd
// listens on is not known here and taken for local.
func (a Address) Local() bool {
	tcp, ok := a.TCP()
	return !ok || tcp.Addr().IsLoopback()
}

// TCP returns the address and port of a TCP address; the IP is the invalid one
// when it stands for IPv4 and IPv6.
func (a Address) TCP() (netip.AddrPort, bool) {
	host, port, err := net.SplitHostPort(a.Address)
	number, bad := strconv.ParseUint(port, 10, 16)
	if !strings.HasPrefix(a.Network, "tcp") || err != nil || bad != nil {
		return netip.AddrPort{}, false
	}
	ip, _ := netip.ParseAddr(host) // the host of ":port" is empty
	return netip.AddrPortFrom(ip, uint16(number)), true
}

const (
	listenForms   = `accepted are "IP:port", ":port", "[::]:port", "unix:path" and "systemd:NAME"`
	longestSocket = 107 // bytes of a path; sockaddr_un has 108 with the final zero
)

// parseListen reads the address of a listener. Relative paths start from dir.
func parseListen(dir, s string) (Address, *flaw) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if strings.HasPrefix(path, "@") {
			return Address{}, &flaw{"abstract sockets are not listened on", "anybody on the host can connect to one; name a file"}
		}
		resolved, f := socketPath(dir, path)
		return Address{"unix", resolved}, f
	}
	if name, ok := strings.CutPrefix(s, "systemd:"); ok {
		if f := descriptorFlaw(name); f != nil {
			return Address{}, f
		}
		return Address{"systemd", name}, nil
	}
	host, port, f := splitHostPort(s, "", listenForms)
	if f != nil {
		return Address{}, f
	}
	return listenTCP(s, host, port)
}

func listenTCP(s, host string, port uint16) (Address, *flaw) {
	number := strconv.Itoa(int(port))
	switch host {
	case "":
		return Address{"tcp", ":" + number}, nil
	case "*":
		return Address{}, &flaw{fmt.Sprintf("%q is not an address", s), fmt.Sprintf(`for every address write ":%s"`, number)}
	case "localhost":
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return Address{}, &flaw{
			fmt.Sprintf("%q is not an IP address", host),
			"names are not resolved for listening; " + listenForms,
		}
	case ip.Is4In6():
		return Address{}, &flaw{
			fmt.Sprintf("%s is an IPv4 address embedded in IPv6", ip),
			fmt.Sprintf("write %q", netip.AddrPortFrom(ip.Unmap(), port)),
		}
	case ip.Is4():
		return Address{"tcp4", net.JoinHostPort(ip.String(), number)}, nil
	case ip == netip.IPv6Unspecified():
		return Address{"tcp", "[::]:" + number}, nil
	default:
		return Address{"tcp6", net.JoinHostPort(ip.String(), number)}, nil
	}
}

// splitHostPort takes "host:port" apart. The port may be 0. For who leaves out the
// host, usual is suggested.
func splitHostPort(s, usual, forms string) (host string, port uint16, f *flaw) {
	if strings.Contains(s, "://") {
		return "", 0, &flaw{fmt.Sprintf("%q is a URL, not an address", s), forms}
	}
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		return "", 0, &flaw{fmt.Sprintf("%q is only a port", s), fmt.Sprintf("did you mean %q?", usual+":"+s)}
	}
	if ip, err := netip.ParseAddr(unbracket(s)); err == nil {
		return "", 0, &flaw{fmt.Sprintf("%q has no port", s), fmt.Sprintf("write %q", net.JoinHostPort(ip.String(), "PORT"))}
	}
	if !strings.Contains(s, ":") {
		return "", 0, &flaw{fmt.Sprintf("%q has no port", s), forms}
	}
	host, number, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, &flaw{fmt.Sprintf("%q is not an address", s), forms}
	}
	value, err := strconv.ParseUint(number, 10, 16)
	if err != nil || number != strconv.FormatUint(value, 10) {
		return "", 0, &flaw{fmt.Sprintf("%q is not a port", number), "a port is a number up to 65535; " + forms}
	}
	return host, uint16(value), nil
}

func unbracket(s string) string {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return s[1 : len(s)-1]
	}
	return s
}

// socketPath resolves the path of a UNIX socket.
func socketPath(dir, path string) (string, *flaw) {
	if path == "" {
		return "", &flaw{`"unix:" names no file`, `write "unix:" and the path of the socket`}
	}
	if f := pathFlaw(path); f != nil {
		return "", f
	}
	resolved := filepath.ToSlash(resolve(dir, path)) // as every system takes it
	if len(resolved) > longestSocket {
		return "", &flaw{
			fmt.Sprintf("the socket's path %q is %d bytes long, at most %d are possible", resolved, len(resolved), longestSocket),
			"choose a shorter path, such as one in /run",
		}
	}
	return resolved, nil
}

// descriptorFlaw finds what is wrong with a FileDescriptorName (systemd.socket(5)).
func descriptorFlaw(name string) *flaw {
	const longest = 255
	if name == "" || len(name) > longest {
		return &flaw{
			fmt.Sprintf("a socket's name has 1 to %d characters", longest),
			"it is the FileDescriptorName of the .socket unit",
		}
	}
	for _, r := range name {
		if r <= ' ' || r >= 0x7f || r == ':' {
			return &flaw{
				fmt.Sprintf("%q cannot be the name of a socket", name),
				"it is the FileDescriptorName of the .socket unit: ASCII without spaces and colons",
			}
		}
	}
	return nil
}
