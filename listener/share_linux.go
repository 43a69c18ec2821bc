package listener

import (
	"math"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// canShare tells that a socket can be bound beside an overlapping one of ours.
const canShare = true

// nowhere is an interface that does not exist.
const nowhere = math.MaxInt32

// shareAddress sets SO_REUSEPORT. The kernel looks at it on both sockets, whenever one of them is bound or
// begins to listen, and at their users (inet_bind_conflict).
func shareAddress(raw syscall.RawConn, on bool) {
	value := 0
	if on {
		value = 1
	}
	_ = setOption(raw, unix.SOL_SOCKET, unix.SO_REUSEPORT, value) // fails on a closed socket only, which is in nobody's way
}

func setOption(raw syscall.RawConn, level, name, value int) error {
	if raw == nil {
		return os.ErrInvalid
	}
	var err error
	if ctlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, name, value) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// bindTCP binds a socket that does not listen yet, beside others that share their address.
func bindTCP(want reach) (net.Listener, error) {
	file, err := bound(want, unix.SOL_SOCKET, unix.SO_REUSEPORT)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	inner, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	raw, err := inner.(*net.TCPListener).SyscallConn()
	if err != nil {
		return nil, err
	}
	shareAddress(raw, false)
	return inner, nil
}

// bound returns a bound TCP socket that has one more option set.
func bound(at reach, level, option int) (*os.File, error) {
	family, address, err := sockaddr(at.at)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "tcp:"+at.at.String())
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1}, // as the net package does
		{level, option, 1},
		{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, boolValue(!at.dual)},
	} {
		if o.level == unix.IPPROTO_IPV6 && family != unix.AF_INET6 {
			continue
		}
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			file.Close()
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, address); err != nil {
		file.Close()
		return nil, os.NewSyscallError("bind", err)
	}
	return file, nil
}

func boolValue(on bool) int {
	if on {
		return 1
	}
	return 0
}

func sockaddr(at netip.AddrPort) (family int, _ unix.Sockaddr, err error) {
	if at.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, nil
	}
	address := &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	zone := at.Addr().Zone()
	if zone == "" {
		return unix.AF_INET6, address, nil
	}
	index, err := strconv.Atoi(zone)
	if err != nil {
		found, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, nil, err
		}
		index = found.Index
	}
	address.ZoneId = uint32(index)
	return unix.AF_INET6, address, nil
}

// listenNow makes a bound socket listen, with the longest queue that the kernel grants.
func listenNow(raw syscall.RawConn) error {
	if raw == nil {
		return os.ErrInvalid
	}
	var err error
	if ctlErr := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), math.MaxInt32) }); ctlErr != nil {
		return ctlErr
	}
	return os.NewSyscallError("listen", err)
}

// divert takes a listening socket out of the kernel's choice for new clients, without closing it: bound to an interface
// that does not exist, it matches none of them, while handshakes that have begun go on and what queues stays. The next
// best socket gets new clients at once; if there is none, they are refused. It cannot be undone without CAP_NET_RAW.
// Needs Linux 5.7.
func divert(raw syscall.RawConn) bool {
	return setOption(raw, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, nowhere) == nil
}

// forgetSharing makes the kernel forget that a port was shared. It keeps with the port which address was last bound with
// SO_REUSEPORT, and by which user, and lets that user bind there with SO_REUSEPORT without looking at the sockets
// (sk_reuseport_match), even when none has the flag any more: measured on Linux 6.18. Whatever is bound to the port
// without the flag ends that; it takes an address that nobody listens on.
//
// Beside a socket for all addresses of both families there is none. Then a process of the same user that itself asks
// for SO_REUSEPORT can bind the port until its last connection has ended. Other users cannot, nor can anybody
// who does not ask for it; and who has our user could just as well end or trace this process.
func forgetSharing(port uint16) {
	for _, address := range []string{"127.255.255.254", "100::1"} { // the second is of the discard prefix (RFC 6666)
		at := reach{at: netip.AddrPortFrom(netip.MustParseAddr(address), port)}
		if file, err := bound(at, unix.IPPROTO_IP, unix.IP_FREEBIND); err == nil { // it need not be on this host
			file.Close()
			return
		}
	}
}
