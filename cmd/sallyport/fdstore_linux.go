package main

import (
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// notifyPatience is how long systemd may be too busy to take a notice. Clients may be waiting.
const notifyPatience = time.Second

// notifyWithFile sends systemd a notice with a descriptor (sd_pid_notify_with_fds).
func notifyWithFile(socket, state string, file *os.File) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(notifyPatience)); err != nil {
		return err
	}
	if file == nil {
		_, err := conn.Write([]byte(state))
		return err
	}
	from, err := file.SyscallConn() // Fd would put the socket into blocking mode
	if err != nil {
		return err
	}
	to, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var rights []byte
	if err := from.Control(func(fd uintptr) { rights = syscall.UnixRights(int(fd)) }); err != nil {
		return err
	}
	// Not WriteMsgUnix, which refuses datagram sockets that are connected.
	written := to.Write(func(fd uintptr) (done bool) {
		err = syscall.Sendmsg(int(fd), []byte(state), rights, nil, 0)
		return !errors.Is(err, syscall.EAGAIN)
	})
	runtime.KeepAlive(file)
	return errors.Join(written, err)
}
