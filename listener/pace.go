package listener

import (
	"log/slog"
	"time"
)

const (
	firstWait = 5 * time.Millisecond
	lastWait  = time.Second
	freeTries = 64
)

// pace says how long to wait after an error of accept, so that no error can make the loop spin.
// The zero value is the state after a success.
type pace struct {
	tries int
	wait  time.Duration
}

// next returns the wait after one more error. An error of a single connection costs the
// others nothing, unless it comes again and again.
func (p *pace) next(single bool) time.Duration {
	if single && p.tries < freeTries {
		p.tries++
		return 0
	}
	p.wait = min(max(2*p.wait, firstWait), lastWait)
	return p.wait
}

// handle does what can be done about an error of accept, and reports whether it concerns a single
// connection only.
func (l *Listener) handle(err error) (single bool) {
	switch {
	case concernsConnection(err):
		l.log.warn("a connection was lost while it was accepted", l.address(), slog.Any(keyError, err))
		return true
	case outOfDescriptors(err):
		refused := l.spare.refuseWaiting(l.raw())
		l.log.warn("out of file descriptors: waiting clients are closed; raise LimitNOFILE or lower max_connections",
			l.address(), slog.Any(keyError, err), slog.Int(keyRefused, refused))
	default:
		l.log.warn("accept failed and is tried again", l.address(), slog.Any(keyError, err))
	}
	return false
}

func (l *Listener) address() slog.Attr { return slog.String(keyAddress, l.Spec().String()) }
