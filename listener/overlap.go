package listener

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// explain is the plain explanation, unless the socket in the way is one of this process that cannot make room.
func (st *Stage) explain(spec Spec, err error) *OpenError {
	explained := explain(spec, err)
	if !errors.Is(err, syscall.EADDRINUSE) || !spec.isTCP() {
		return explained
	}
	want := spec.reach(err)
	for _, rival := range st.inTheWay(want) {
		if hint := st.cannotYield(rival, want); hint != "" {
			explained.Hint = hint
			return explained
		}
	}
	for _, socket := range st.set.passed {
		network, address, _ := strings.Cut(socket.key, " ")
		if reachOfKey(network, address).meets(want) {
			explained.Hint = fmt.Sprintf("this process itself has the socket %q from systemd; one of the two must go", socket.file.Name())
		}
	}
	for _, handed := range st.set.adopted {
		network, address, _ := strings.Cut(handed.Key, " ")
		if reachOfKey(network, address).meets(want) {
			explained.Hint = fmt.Sprintf("the process that hands over has %s, which overlaps; a reload of that one makes the change without a restart", address)
		}
	}
	return explained
}

// cannotYield says why a socket of the set cannot make room for a new one; empty if it can.
func (st *Stage) cannotYield(rival *Listener, want reach) string {
	switch {
	case st.stays(rival):
		return fmt.Sprintf("this process itself has %s; one of the two must go", rival.Spec())
	case rival.heldElsewhere() && want.covers(rival.reach):
		// Closing our descriptor closes nothing, and the narrower socket would go on taking clients
		// that nobody accepts any more.
		return fmt.Sprintf("systemd or another process keeps %s open; it has to close it first, and then a restart helps", rival.Spec())
	case !canShare:
		return fmt.Sprintf("this process itself has %s, and on this system a change from one to the other needs a restart", rival.Spec())
	default:
		return ""
	}
}

// inTheWay returns the sockets of the set and of the stage that overlap with what is wanted.
func (st *Stage) inTheWay(want reach) []*Listener {
	var rivals []*Listener
	add := func(list []*Listener) {
		for _, l := range list {
			if l.reach.meets(want) {
				rivals = append(rivals, l)
			}
		}
	}
	add(sorted(st.set.open))
	add(st.Added)
	add(st.set.lingering)
	return rivals
}

// stays reports whether a socket will be open after the commit.
func (st *Stage) stays(l *Listener) bool {
	if _, sure := st.specs[l]; sure {
		return true
	}
	return st.set.open[l.key] == l && st.wanted[l.key]
}
