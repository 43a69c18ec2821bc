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

// arrivals counts what comes while nothing should. A clock cannot prove that nothing does; it can only give it the time to.
func arrivals(conns <-chan net.Conn) (n int) {
	enough := time.After(50 * time.Millisecond)
	for {
		select {
		case conn := <-conns:
			conn.Close()
			n++
		case <-enough:
			return n
		}
	}
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
			(<-conns).Close() // the goroutine is in Accept, or on its way there
			set.Pause()
			set.Pause() // does no harm
			connectTo(t, l)
			connectTo(t, l)
			connectTo(t, l)
			early := arrivals(conns)
			if early > 1 { // one may have been in the middle of it
				t.Errorf("%d connections were accepted during the pause", early)
			}
			set.Resume()
			set.Resume()
			for range 3 - early {
				(<-conns).Close()
			}
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
	if n := arrivals(conns); n > 0 {
		t.Errorf("%d connections were accepted during the pause", n)
	}
	set.Resume()
	(<-conns).Close()
	stage.Commit()
}
