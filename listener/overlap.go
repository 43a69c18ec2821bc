package listener

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// explain is the plain explanation, unless the socket in the way is one of this process.
func (st *Stage) explain(spec Spec, err error) *OpenError {
	explained := explain(spec, err)
	if errors.Is(err, syscall.EADDRINUSE) && spec.isTCP() {
		if own := st.overlapping(spec); own != "" {
			explained.Hint = fmt.Sprintf("this process itself has %s; one of the two must go, and a change from one to the other needs a restart", own)
		}
	}
	return explained
}

// overlapping names a socket of this process that stands in the way of spec; empty if there is none.
func (st *Stage) overlapping(spec Spec) string {
	_, address := spec.canonical()
	for _, open := range []map[string]*Listener{st.set.open, st.next} {
		for _, l := range sorted(open) {
			if _, own := l.Spec().canonical(); l.Spec().isTCP() && overlap(own, address) {
				return l.Spec().String()
			}
		}
	}
	for _, socket := range st.set.passed {
		network, own, _ := strings.Cut(socket.key, " ")
		if strings.HasPrefix(network, "tcp") && overlap(own, address) {
			return fmt.Sprintf("the socket %q from systemd", socket.file.Name())
		}
	}
	return ""
}

// overlap reports whether two canonical addresses have one port, and one of them is a wildcard.
func overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && (isWildcard(hostA) || isWildcard(hostB))
}

func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}
