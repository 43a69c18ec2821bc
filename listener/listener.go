package listener

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Listener is one open socket of a Set. All methods are safe for concurrent use.
type Listener struct {
	key     string // written under the set's lock and mu
	inner   net.Listener
	path    *socketFile // of a UNIX socket that was made here; nil otherwise
	foreign bool        // systemd's .socket unit made it and keeps it
	wrapped bool        // from a bare descriptor, so that the net package sets options of its own on what it accepts
	reach   reach
	shared  atomic.Bool // its address was for a moment, see sharing
	spare   *spare
	log     *throttle

	mu      sync.Mutex
	spec    Spec
	handed  bool          // another process has the descriptor, too
	kept    bool          // somebody keeps the socket for a process to come
	gate    chan struct{} // while nothing is accepted; nil otherwise
	retired bool          // what queues is to be taken before the socket closes
	waiting []net.Conn    // what queued when it closed

	closed  chan struct{}
	closing sync.Once
	failure error // of closing
}

// Accept waits for the next connection, a *net.TCPConn or *net.UnixConn, which is the caller's.
//
// It returns an error only when the listener is closed and nobody who had connected is left, and it wraps
// [net.ErrClosed]. Whatever else goes wrong is logged and tried again, at a pace that cannot spin. When descriptors run
// out, the clients that wait are closed at once rather than left hanging.
func (l *Listener) Accept() (net.Conn, error) {
	var pace pace
	for {
		l.pass()
		conn, err := l.inner.Accept()
		if err == nil {
			l.spare.arm()
			return l.prepare(conn), nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue // a pause began, and may be over
		}
		if l.isClosed() || errors.Is(err, net.ErrClosed) {
			return l.left()
		}
		if wait := pace.next(l.handle(err)); !l.sleep(wait) {
			return l.left()
		}
	}
}

// prepare gives an accepted connection the options it did not inherit.
func (l *Listener) prepare(conn net.Conn) net.Conn {
	if acceptedInherit && !l.wrapped {
		return conn
	}
	return l.configure(conn)
}

// configure sets the options that accepted connections have.
func (l *Listener) configure(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	// It fails only on a connection that is gone already, as its first read will tell.
	_ = tcp.SetKeepAliveConfig(KeepAlive(l.Spec().deadPeer()))
	return conn
}

// sleep waits unless the listener is or gets closed, and reports which.
func (l *Listener) sleep(d time.Duration) bool {
	if d == 0 {
		return !l.isClosed()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closed:
		return false
	}
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close ends Accept and closes the socket. A UNIX socket's file is removed if it was made here, is
// still the same, and nobody else has the socket (see File, Keep and Set.Own). Established connections stay.
func (l *Listener) Close() error {
	l.closing.Do(func() {
		l.mu.Lock()
		shared := l.handed || l.kept
		l.mu.Unlock()
		if l.path != nil && !shared {
			// Before the socket is closed: until then nobody else can get its inode number.
			l.failure = l.path.remove()
		}
		l.takeQueue()
		close(l.closed)
		if err := l.inner.Close(); err != nil && l.failure == nil {
			l.failure = fmt.Errorf("close %s: %w", l.Spec(), err)
		}
		if l.shared.Load() {
			forgetSharing(l.reach.at.Port())
		}
	})
	return l.failure
}

// File returns a duplicate of the socket's descriptor, which is the caller's, for a process that takes over.
// A UNIX socket's file then survives Close, unless [Set.Own] takes that back.
//
// The descriptor shares the state of the socket, so it must stay in non-blocking mode: use SyscallConn and not
// Fd, which changes it for both.
func (l *Listener) File() (*os.File, error) {
	inner, ok := l.inner.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("descriptor of %s: %w", l.Spec(), errors.ErrUnsupported)
	}
	file, err := inner.File()
	if err != nil {
		return nil, fmt.Errorf("descriptor of %s: %w", l.Spec(), err)
	}
	l.mu.Lock()
	l.handed = true
	l.mu.Unlock()
	return file, nil
}

// Addr returns the address that the socket is bound to, with the port that the kernel chose for port 0.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Key returns the key of the spec that the socket is open for. It changes with the spec where that names the
// same socket differently.
func (l *Listener) Key() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.key
}

// Spec returns what was asked for last.
func (l *Listener) Spec() Spec {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spec
}

// adopt makes spec, which is for the same socket, the one in force.
func (l *Listener) adopt(spec Spec) error {
	l.mu.Lock()
	l.spec, l.key = spec, spec.Key()
	l.mu.Unlock()
	return l.tune()
}

// tune sets the options that accepted connections are to inherit, where they do.
func (l *Listener) tune() error {
	tcp, ok := l.inner.(*net.TCPListener)
	if !ok || l.wrapped {
		return nil // prepare sets them on each connection: the net package overrides inherited ones
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return tune(raw, l.Spec().deadPeer())
}

// raw returns the descriptor's access for the spare; nil when there is none.
func (l *Listener) raw() syscall.RawConn {
	inner, ok := l.inner.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := inner.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}
