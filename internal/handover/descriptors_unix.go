//go:build unix

package handover

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
)

// most is how many descriptors the kernel passes at once (SCM_MAX_FD).
const most = 253

// readWithFiles reads up to len(b) bytes and the descriptors that came with them. The net package has them closed on exec.
func readWithFiles(conn *net.UnixConn, b []byte) (int, []*os.File, error) {
	oob := make([]byte, syscall.CmsgSpace(most*4))
	n, oobn, flags, _, err := conn.ReadMsgUnix(b, oob)
	if err != nil {
		return n, nil, err
	}
	files, err := received(oob[:oobn])
	if err == nil && flags&syscall.MSG_CTRUNC != 0 {
		err = fmt.Errorf("%w: descriptors were lost on the way; there may be too few left (LimitNOFILE)", errMalformed)
	}
	return n, files, err
}

// received returns the descriptors of control messages. Other control messages are an error, and descriptors that came
// beside them are returned all the same.
func received(oob []byte) (files []*os.File, err error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	for i := range messages {
		fds, parseErr := syscall.ParseUnixRights(&messages[i])
		if parseErr != nil {
			err = fmt.Errorf("%w: %w", errMalformed, parseErr)
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "handed over"))
		}
	}
	return files, err
}

// writeWithFiles writes all of b, with the descriptors at its first byte.
func writeWithFiles(conn *net.UnixConn, b []byte, files []*os.File) error {
	var rights []byte
	if len(files) > 0 {
		fds, err := numbers(files)
		if err != nil {
			return err
		}
		rights = syscall.UnixRights(fds...)
	}
	n, _, err := conn.WriteMsgUnix(b, rights, nil)
	runtime.KeepAlive(files)
	if err == nil && n < len(b) {
		_, err = conn.Write(b[n:])
	}
	return err
}

// numbers returns the descriptors of files, which the caller keeps open. Fd would do as well, but puts the sockets of the
// net package into blocking mode, for the process that still accepts on them, too.
func numbers(files []*os.File) ([]int, error) {
	var fds []int
	for _, file := range files {
		raw, err := file.SyscallConn()
		if err != nil {
			return nil, err
		}
		if err := raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }); err != nil {
			return nil, err
		}
	}
	return fds, nil
}
