//go:build integration

package integration

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inside has do run on a thread that is in the namespace. Sockets that it opens and processes that it starts stay there
// afterwards, so that the test's own clients and servers can be anywhere in a network.
func (ns namespace) inside(do func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + ns.name)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("namespace %s: %w", ns.name, err)
	}
	defer func() {
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread() // otherwise the thread ends with its goroutine
		}
	}()
	return do()
}

// connect dials from within the namespace. The connection has a deadline, and is the caller's.
func (ns namespace) connect(address string) (*net.TCPConn, error) {
	return ns.connectFrom(netip.AddrPort{}, address)
}

// connectFrom is connect from an address and port, so that the caller knows them even if it fails.
func (ns namespace) connectFrom(source netip.AddrPort, address string) (conn *net.TCPConn, err error) {
	dialer := net.Dialer{Timeout: patience}
	if source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(source)
	}
	err = ns.inside(func() error {
		dialed, err := dialer.Dial("tcp", address)
		if err != nil {
			return err
		}
		conn = dialed.(*net.TCPConn)
		return conn.SetDeadline(time.Now().Add(3 * patience))
	})
	return conn, err
}

// dial is connect for connections that have to be made; they end with the test.
func (ns namespace) dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := ns.connect(address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// listen listens within the namespace until the test ends.
func (ns namespace) listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var ln net.Listener
	must(t, ns.inside(func() (err error) {
		ln, err = net.Listen("tcp", address)
		return err
	}))
	t.Cleanup(func() { ln.Close() })
	return ln
}

// occupy binds a port without connecting anywhere, as a foreign program does that had it from the kernel. It is the
// caller's to close.
func (ns namespace) occupy(t *testing.T, address string) *os.File {
	t.Helper()
	at := netip.MustParseAddrPort(address)
	var file *os.File
	must(t, ns.inside(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		file = os.NewFile(uintptr(fd), address)
		return nil
	}))
	t.Cleanup(func() { file.Close() })
	return file
}

// start is the package's start for a program in the namespace. Unlike with a command before it, the program can run as
// another user.
func (ns namespace) start(t *testing.T, cmd *exec.Cmd) (p *process) {
	t.Helper()
	must(t, ns.inside(func() error {
		p = start(t, cmd)
		return nil
	}))
	return p
}
