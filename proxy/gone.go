package proxy

import (
	"net"
	"sync"
	"syscall"
	"time"

	"sallyport/policy"
)

// gonePace is how often the socket of a client is asked whether it is still connected, while its session waits for an upstream.
// Most are connected before the first time. It may be long, as waiting is, and a client that has gone would wait
// in a queue, and take a source port in the end, for nobody.
const gonePace = 250 * time.Millisecond

// expectClient has the session cut if its client resets the connection, or is found dead, until stop is called. Nobody reads
// from the client meanwhile, and so nobody else would notice. The end of the client's stream means nothing: it may
// have said all that it has to say.
func (s *session) expectClient() (stop func()) {
	w := &goneWatch{session: s}
	w.mu.Lock() // the first look may come before timer is set
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(gonePace, w.look)
	return w.stop
}

// goneWatch looks after a client until it is stopped.
type goneWatch struct {
	session *session

	mu    sync.Mutex
	over  bool
	timer *time.Timer
}

func (w *goneWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw := rawOf(w.session.accepted)
	switch {
	case w.over || raw == nil:
	case gone(raw):
		w.session.server.cut(w.session, policy.Reset)
	default:
		w.timer.Reset(gonePace)
	}
}

func (w *goneWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

func rawOf(conn net.Conn) syscall.RawConn {
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
