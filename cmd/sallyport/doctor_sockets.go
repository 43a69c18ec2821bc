package main

import (
	"fmt"
	"net/netip"
)

// mostSockets bounds how many sockets that are in the way are told one by one.
const mostSockets = 10

// portsInUse looks for sockets of other programs on source ports.
func portsInUse(x *examination) []finding {
	if len(x.pins) == 0 {
		return okay(nothingPinned)
	}
	sockets, err := x.host.sockets()
	if err != nil {
		return unlooked(err)
	}
	own, err := x.ownSockets()
	u := use{own: own, blind: err != nil}
	for _, s := range sockets {
		if p := x.pinned(&s); p != nil {
			u.add(&s, p)
		}
	}
	all := u.findings()
	if err != nil {
		all = append(all, unlooked(fmt.Errorf("which sockets are those of the running sallyport: %w", err))...)
	}
	return all
}

// ownSockets returns the sockets of the sallyport that runs.
func (x *examination) ownSockets() (map[uint64]bool, error) {
	if x.silence != nil {
		return nil, x.silence
	}
	if x.running == nil {
		return nil, nil
	}
	return x.host.inodes(x.running.PID)
}

// pinned returns the pin that a socket is in the way of, or belongs to.
func (x *examination) pinned(s *tcpSocket) *pin {
	for i := range x.pins {
		if p := &x.pins[i]; rangesHold(p.ports, s.local.Port()) && p.meets(s.local.Addr()) {
			return p
		}
	}
	return nil
}

// meets reports whether a socket bound to an address can be in the way of the pin. One that is bound to all of IPv6 may be
// bound to all of IPv4 as well: the kernel's table does not tell.
func (p *pin) meets(a netip.Addr) bool {
	if len(p.sources) == 0 {
		return true
	}
	for _, source := range p.sources {
		if source == a || a.IsUnspecified() && (a.Is6() || source.Is4()) {
			return true
		}
	}
	return false
}

// use is what becomes of the sockets on source ports.
type use struct {
	own   map[uint64]bool
	blind bool // own is not known

	leased, resting, others int
	foreign                 []finding
}

func (u *use) add(s *tcpSocket, p *pin) {
	switch {
	case s.state == tcpTimeWait, s.inode == 0 && s.state != tcpSynReceived && s.state != tcpNewSynReceived:
		u.resting++
	case u.own[s.inode]:
		u.leased++
	case u.blind && s.state != tcpListen:
		u.others++
	default:
		u.foreign = append(u.foreign, intruder(s, p))
	}
}

// intruder describes a socket of another program.
func intruder(s *tcpSocket, p *pin) finding {
	whose := fmt.Sprintf("uid %d, inode %d", s.uid, s.inode)
	if s.state == tcpListen {
		return finding{Level: levelProblem, Position: p.at.Pos.String(),
			Text: fmt.Sprintf("another program listens on %s (%s), so connections cannot come from it", s.local, whose),
			Hint: fmt.Sprintf(`"ss -lntp sport = :%d" names it; give it or sallyport other ports`, s.local.Port())}
	}
	return finding{Level: levelWarning, Position: p.at.Pos.String(),
		Text: fmt.Sprintf("another program has a connection from %s to %s (%s, %s)", s.local, s.remote, s.state, whose),
		Hint: fmt.Sprintf(`"ss -ntp sport = :%d" names it; reserve the port if the system chose it. A sallyport that drains after a restart gives it back`, s.local.Port())}
}

func (u *use) findings() []finding {
	all := u.foreign
	if len(all) > mostSockets {
		more := finding{Level: levelNote, Text: fmt.Sprintf("and %d more", len(all)-mostSockets)}
		for _, f := range all[mostSockets:] {
			if f.Level == levelProblem {
				more.Level = levelProblem
			}
		}
		all = append(all[:mostSockets:mostSockets], more)
	}
	text := fmt.Sprintf("%s of sallyport", count(u.leased, "connection"))
	if u.blind {
		text = fmt.Sprintf("%s, perhaps of sallyport", count(u.others, "connection"))
	}
	if u.resting > 0 {
		text += fmt.Sprintf("; %s at rest (TIME-WAIT)", areEnded(u.resting))
	}
	if len(all) > 0 {
		return append(all, finding{Level: levelNote, Text: text})
	}
	return okay("no other program is on source ports; %s", text)
}

func areEnded(n int) string {
	if n == 1 {
		return "1 that has ended is"
	}
	return fmt.Sprintf("%d that have ended are", n)
}
