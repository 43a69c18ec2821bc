package listener

import (
	"encoding/binary"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	diagRequestLen = 56 // struct inet_diag_req_v2
	synReceived    = 1 << 3
	diagByFamily   = 20 // SOCK_DIAG_BY_FAMILY
)

// shakesHands reports whether handshakes with the sockets of a port are under way. It says yes if that cannot be found out,
// as where a sandbox forbids netlink.
func shakesHands(r reach) bool {
	families := []uint8{unix.AF_INET}
	if r.at.Addr().Is6() {
		families = append(families, unix.AF_INET6) // and IPv4 on a socket for both
	}
	for _, family := range families {
		if found, err := findHandshake(family, r.at.Port()); found || err != nil {
			return true
		}
	}
	return false
}

// findHandshake asks the kernel for sockets with this local port that have received a SYN and not yet the rest.
func findHandshake(family uint8, port uint16) (found bool, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return false, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return false, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Sendto(fd, diagRequest(family, port), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, os.NewSyscallError("sendto", err)
	}
	answer := make([]byte, 32<<10)
	for {
		n, _, err := unix.Recvfrom(fd, answer, 0)
		if err != nil {
			return false, os.NewSyscallError("recvfrom", err)
		}
		messages, err := syscall.ParseNetlinkMessage(answer[:n])
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			switch m.Header.Type {
			case diagByFamily:
				return true, nil
			case unix.NLMSG_DONE:
				return false, nil
			case unix.NLMSG_ERROR:
				return false, syscall.ENOTSUP
			}
		}
	}
}

// diagRequest writes the request of sock_diag(7) for all sockets of a family, state and local port.
func diagRequest(family uint8, port uint16) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+diagRequestLen)
	binary.NativeEndian.PutUint32(b, unix.NLMSG_HDRLEN+diagRequestLen)
	binary.NativeEndian.PutUint16(b[4:], diagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, synReceived)
	b = binary.BigEndian.AppendUint16(b, port)
	return b[:cap(b)] // zeros, which stand for any client
}
