package proxy

import (
	"time"

	"golang.org/x/sys/unix"
)

const canTakePulse = true

// unacknowledged tells whether anything is on its way to the peer, and whether the peer owes an
// acknowledgement: that data was sent more than once, and nothing came back for a while. A
// closed window is neither: the peer acknowledges the probes, and no data is on its way.
func (s *socket) unacknowledged(silence time.Duration) (inFlight, owed bool) {
	if s.raw == nil {
		return false, false
	}
	s.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return // a UNIX socket: both ends are this kernel's
		}
		inFlight = info.Unacked > 0 || info.Notsent_bytes > 0
		owed = info.Unacked > 0 && info.Retransmits > 0 && time.Duration(info.Last_ack_recv)*time.Millisecond >= silence
	})
	return inFlight, owed
}
