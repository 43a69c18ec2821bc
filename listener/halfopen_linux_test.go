package listener

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// half is a client on 127.0.0.1 whose handshake stands still: it hears no answer until complete.
type half struct {
	t  *testing.T
	fd int
}

// halfOpen begins a handshake and waits until the kernel has begun its part.
func halfOpen(t *testing.T, port string) half {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: number, Addr: [4]byte{127, 0, 0, 1}}); err != unix.EINPROGRESS {
		t.Fatalf("connect: %v", err)
	}
	received := fmt.Sprintf(" 0100007F:%04X ", number)
	eventually(t, "the handshake has begun", func() bool { return inState(t, received, "03") })
	return half{t, fd}
}

// inState reports whether a TCP socket with this local address is in a state.
func inState(t *testing.T, local, state string) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if strings.Contains(line, local) && len(fields) > 3 && fields[1] == strings.TrimSpace(local) && fields[3] == state {
			return true
		}
	}
	return false
}

// complete lets the client hear again. It answers what the kernel sends once more.
func (h half) complete() {
	h.t.Helper()
	if err := unix.SetsockoptInt(h.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0); err != nil {
		h.t.Fatal(err)
	}
}
