package proxy

import (
	"time"

	"golang.org/x/sys/unix"
)

const canTakePulse = true

// unacknowledged tells whether anything is on its way to the peer, and whether the peer owes an
// acknowledgement: that data was sent more than once, or its closed window was probed, and
// nothing came back for a while. A peer that merely does not read acknowledges the probes.
func (s *socket) unacknowledged(silence time.Duration) (inFlight, owed bool) {
	if info := s.info(); info != nil {
		inFlight = info.Unacked > 0 || info.Notsent_bytes > 0
		// One probe is counted as unanswered even if its answer came while it was being counted.
		sentAgain := info.Unacked > 0 && info.Retransmits > 0 || info.Probes > 1
		owed = sentAgain && milliseconds(info.Last_ack_recv) >= silence
	}
	return inFlight, owed
}

// quietFor returns for how long the connection has neither sent nor received data, if it can tell.
func (s *socket) quietFor() (time.Duration, bool) {
	info := s.info()
	if info == nil {
		return 0, false
	}
	return min(milliseconds(info.Last_data_sent), milliseconds(info.Last_data_recv)), true
}

// info asks the system about a TCP connection. It returns nil for what is none; both ends of a UNIX
// socket, say, are this system's.
func (s *socket) info() (info *unix.TCPInfo) {
	if s.raw == nil {
		return nil
	}
	s.raw.Control(func(fd uintptr) {
		if i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			info = i
		}
	})
	return info
}

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }
