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
	raw := rawOf(s.accepted)
	if raw == nil {
		return func() {}
	}
	var mu sync.Mutex // the first look may come before timer is set
	over := false
	mu.Lock()
	defer mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(gonePace, func() {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case over:
		case gone(raw):
			s.server.cut(s, policy.Reset)
		default:
			timer.Reset(gonePace)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
	}
}

func rawOf(conn net.Conn) syscall.RawConn {
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
