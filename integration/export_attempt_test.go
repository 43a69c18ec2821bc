//go:build integration

package integration

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/testpolicy"
)

// attempt is a connection that is really made, and what has to become of it.
type attempt struct {
	testpolicy.Tuple
	way    testpolicy.Way
	passes bool
	within time.Duration // how long to wait for an answer; zero for the usual patience
}

// dropped is what becomes of a client that a firewall does not even answer.
const dropped = "dropped by the firewall"

// attempts returns how tuples are tried: those that pass in a way that does, the others in every way that their port takes.
func attempts(w *testpolicy.World, tuples []testpolicy.Tuple) []attempt {
	var all []attempt
	for _, t := range tuples {
		if way, passes := w.Best(t, w.Now); passes {
			all = append(all, attempt{Tuple: t, way: way, passes: true})
			continue
		}
		for _, way := range t.Port.Ways() {
			all = append(all, attempt{Tuple: t, way: way})
		}
	}
	return all
}

// try makes all connections, several at a time, and returns what became of each.
func (s *exportSite) try(t *testing.T, all []attempt) []string {
	t.Helper()
	outcomes := make([]string, len(all))
	var workers sync.WaitGroup
	for _, ns := range []namespace{s.clients, s.server} {
		work := make(chan int, len(all))
		for i := range all {
			another := i == 0 || all[i].Tuple != all[i-1].Tuple
			if another && s.behind(all[i].From.Addr()).name == ns.name {
				work <- i
			}
		}
		close(work)
		for range 3 {
			workers.Go(func() {
				err := ns.inside(func() error {
					for first := range work { // and what follows on the same tuple, which holds one connection at a time
						for i := first; i < len(all) && all[i].Tuple == all[first].Tuple; i++ {
							outcomes[i] = s.connect(&all[i])
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	workers.Wait()
	return outcomes
}

// connect makes a connection in the namespace that its thread is in, and says a word to the echo. It ends with a reset, so that
// the tuple can be used again at once.
func (s *exportSite) connect(a *attempt) string {
	dialer := net.Dialer{Timeout: cmp.Or(a.within, patience), LocalAddr: net.TCPAddrFromAddrPort(a.From), Control: reuseAddress}
	conn, err := dialer.Dial("tcp", a.To.String())
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case timeout != nil && timeout.Timeout():
		return dropped
	case errors.Is(err, syscall.ECONNREFUSED):
		return firewalled // by its reset: sallyport listens
	case errors.Is(err, syscall.ECONNRESET):
		return deniedByUs
	case err != nil:
		return err.Error()
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.SetDeadline(time.Now().Add(patience))
	defer conn.Close()
	return said(s.spoken(conn, a.way))
}

// spoken has a client speak its way.
func (s *exportSite) spoken(conn net.Conn, way testpolicy.Way) net.Conn {
	if way == testpolicy.OverTLS {
		return tls.Client(conn, s.ca.ClientConfig("localhost", s.best))
	}
	return conn
}

// said says a word, and tells what came back.
func said(conn net.Conn) string {
	const word = "hello\n"
	_, err := io.WriteString(conn, word)
	back := make([]byte, len(word))
	if err == nil {
		_, err = io.ReadFull(conn, back)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "left hanging"
	case err != nil:
		return deniedByUs
	case string(back) != word:
		return "answered " + string(back)
	default:
		return passed
	}
}

// reuseAddress lets a source port be used for several destinations, and again.
func reuseAddress(_, _ string, c syscall.RawConn) (err error) {
	controlled := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	return errors.Join(controlled, err)
}
