package listener

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestDescribe(t *testing.T) {
	tcp, unix := Spec{Network: "tcp", Address: ":443"}, Spec{Network: "unix", Address: "/run/s"}
	cause := func(errno syscall.Errno) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", errno)}
	}
	for _, tt := range []struct {
		name string
		spec Spec
		err  error
		want string
	}{
		{"port in use", tcp, cause(syscall.EADDRINUSE), "port in use (hint: another process listens there"},
		{"socket bound meanwhile", unix, cause(syscall.EADDRINUSE), "in use by another process"},
		{"foreign address", tcp, cause(syscall.EADDRNOTAVAIL), "address not on this host (hint: `ip address`"},
		{"privileged port", tcp, cause(syscall.EACCES), " need CAP_NET_BIND_SERVICE)"},
		{"directory of others", unix, cause(syscall.EACCES), "permission denied (hint: the directory must be writable"},
		{"no directory", unix, fs.ErrNotExist, "no such directory (hint: create it first"},
		{"no IPv6", tcp, cause(syscall.EAFNOSUPPORT), "address family not supported by this host (hint: IPv6 may be"},
		{"no descriptors", tcp, cause(syscall.EMFILE), "out of file descriptors (hint: raise LimitNOFILE"},
		{"anything else", tcp, errors.New("strange"), "listen on :443: strange"},
	} {
		got := explain(tt.spec, tt.err)
		if !strings.Contains(got.Error(), tt.want) || !errors.Is(got, tt.err) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if n := firstFreePort(); n < 0 || n > 65536 {
		t.Errorf("first free port %d", n)
	}
}
