package listener

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// failing is a socket whose Accept returns the scripted errors, then connections.
type failing struct {
	mu     sync.Mutex
	errs   []error
	always error
	times  []time.Time
}

func (f *failing) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times = append(f.times, time.Now())
	if f.always != nil {
		return nil, f.always
	}
	if len(f.errs) == 0 {
		return &script{}, nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return nil, err
}

func (*failing) Close() error   { return nil }
func (*failing) Addr() net.Addr { return &net.TCPAddr{} }

// calls returns when Accept was called, in time since the first.
func (f *failing) calls() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []time.Duration
	for _, at := range f.times {
		list = append(list, at.Sub(f.times[0]))
	}
	return list
}

func wrap(inner net.Listener, log *slog.Logger) *Listener {
	set := &Set{Log: log}
	set.begin()
	return set.listener(Spec{Network: "tcp", Address: "10.0.0.1:2021"}, inner)
}

func acceptError(errno syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
}

func repeat(err error, n int) []error {
	var list []error
	for range n {
		list = append(list, err)
	}
	return list
}

func TestAcceptBacksOff(t *testing.T) {
	for name, errno := range map[string]syscall.Errno{"unknown": syscall.EINVAL, "memory": syscall.ENOMEM} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &failing{errs: repeat(acceptError(errno), 10)}
				l := wrap(inner, nil)
				if _, err := l.Accept(); err != nil {
					t.Fatal(err)
				}
				want := []time.Duration{0, 5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275}
				for i := range want {
					want[i] *= time.Millisecond
				}
				if diff := cmp.Diff(want, inner.calls()); diff != "" {
					t.Errorf("calls of accept (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestAcceptSingleErrors: one lost connection does not make the next one wait, an endless row of them does.
func TestAcceptSingleErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &failing{errs: repeat(acceptError(syscall.ECONNABORTED), freeTries+2)}
		if _, err := wrap(inner, nil).Accept(); err != nil {
			t.Fatal(err)
		}
		calls := inner.calls()
		if calls[freeTries] != 0 {
			t.Errorf("call %d came after %v, want at once", freeTries, calls[freeTries])
		}
		if got, want := calls[len(calls)-1], 15*time.Millisecond; got != want {
			t.Errorf("the last call came after %v, want %v", got, want)
		}
	})
}

func TestAcceptEndsOnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wrap(&failing{always: acceptError(syscall.ENOMEM)}, nil)
		start := time.Now()
		time.AfterFunc(10*time.Minute+300*time.Millisecond, func() { l.Close() })
		_, err := l.Accept()
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want net.ErrClosed", err)
		}
		if got := time.Since(start); got != 10*time.Minute+300*time.Millisecond {
			t.Errorf("Accept ended after %v: the wait must end with Close, and nothing else ends it", got)
		}
	})
}

// TestAcceptLogIsThrottled: an hour of errors makes few records, and they say how many were left out.
func TestAcceptLogIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		inner := &failing{always: acceptError(syscall.ENOMEM)}
		l := wrap(inner, slog.New(slog.NewTextHandler(&out, nil)))
		time.AfterFunc(time.Hour, func() { l.Close() })
		l.Accept()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if n := len(lines); n < 300 || n > 361 {
			t.Errorf("%d records of %d errors, want one in ten seconds", n, len(inner.calls()))
		}
		if !strings.Contains(lines[0], "address=10.0.0.1:2021") || !strings.Contains(lines[0], syscall.ENOMEM.Error()) {
			t.Errorf("record %q names no address or no error", lines[0])
		}
		if !strings.Contains(lines[len(lines)-1], "suppressed=") {
			t.Errorf("record %q does not count what was suppressed", lines[len(lines)-1])
		}
	})
}

func TestCloseTwice(t *testing.T) {
	l := open(t, &Set{}, Spec{Network: "tcp", Address: "127.0.0.1:0"})
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want net.ErrClosed", err)
	}
}
