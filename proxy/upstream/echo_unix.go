//go:build unix

package upstream

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketPair returns two connected stream sockets that nobody else can reach.
func socketPair() (near, far net.Conn, err error) {
	syscall.ForkLock.RLock() // SOCK_CLOEXEC is not to be had everywhere
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	near, err = adopt(fds[0])
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	far, err = adopt(fds[1])
	if err != nil {
		near.Close()
		return nil, nil, err
	}
	return near, far, nil
}

// adopt makes a connection of a descriptor, which it takes over.
func adopt(fd int) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "builtin:echo")
	defer file.Close()
	return net.FileConn(file)
}
