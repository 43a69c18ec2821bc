//go:build unix

package listener

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// accepting runs Accept until the listener is closed.
func accepting(l *Listener) (conns <-chan net.Conn, ended <-chan error) {
	accepted, end := make(chan net.Conn, 8), make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				end <- err
				return
			}
			accepted <- conn
		}
	}()
	return accepted, end
}

func connectTo(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestPause(t *testing.T) {
	_, unixSpec := socketPath(t)
	for _, spec := range []Spec{local("a"), unixSpec} {
		t.Run(spec.Network, func(t *testing.T) {
			set := &Set{}
			defer set.Close()
			l := open(t, set, spec)
			conns, ended := accepting(l)
			connectTo(t, l)
			(<-conns).Close() // the goroutine is in Accept
			set.Pause()
			set.Pause() // does no harm
			connectTo(t, l)
			connectTo(t, l)
			// A clock cannot prove that nothing comes; it can only give it the time to.
			select {
			case <-conns:
				t.Error("a connection was accepted during the pause")
			case <-time.After(50 * time.Millisecond):
			}
			set.Resume()
			set.Resume()
			(<-conns).Close()
			(<-conns).Close()
			set.Pause()
			set.Close()
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Accept after Close in a pause = %v", err)
			}
		})
	}
}

func TestPauseCoversWhatIsOpenedInIt(t *testing.T) {
	set := &Set{}
	defer set.Close()
	set.Pause()
	stage, err := set.Stage(context.Background(), []Spec{local("a")})
	if err != nil {
		t.Fatal(err)
	}
	l := stage.Added[0]
	conns, _ := accepting(l)
	connectTo(t, l)
	select {
	case <-conns:
		t.Error("a connection was accepted during the pause")
	case <-time.After(50 * time.Millisecond):
	}
	set.Resume()
	(<-conns).Close()
	stage.Commit()
}
