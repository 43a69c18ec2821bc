package listener

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// OpenError is a socket that could not be opened, in words that say what to do.
type OpenError struct {
	Spec    Spec
	Problem string // what is wrong, without the address
	Hint    string // what helps; may be empty
	Err     error  // the cause
}

// Error returns one line with the address, the problem and the hint.
func (e *OpenError) Error() string {
	text := fmt.Sprintf("listen on %s: %s", e.Spec, e.Problem)
	if e.Hint != "" {
		text += " (hint: " + e.Hint + ")"
	}
	return text
}

func (e *OpenError) Unwrap() error { return e.Err }

var (
	errAbstract  = errors.New("abstract UNIX sockets are not supported")
	errLongPath  = fmt.Errorf("the path is longer than %d bytes", maxSocketPath)
	errNoSocket  = errors.New("the file exists and is no socket")
	errAnswered  = errors.New("in use by another process")
	errTwice     = errors.New("listed twice")
	errNotPassed = errors.New("systemd passed no such socket")
	errSeveral   = errors.New("systemd passed several sockets of this name")
	errDatagram  = errors.New("the socket that systemd passed is no stream socket")
	errNotSuch   = errors.New("the socket that was handed over is another one")
	errNotListen = errors.New("the socket that systemd passed does not listen")
)

// explain turns the cause into words for people.
func explain(spec Spec, err error) *OpenError {
	problem, hint := describe(spec, err)
	return &OpenError{Spec: spec, Problem: problem, Hint: hint, Err: err}
}

func describe(spec Spec, err error) (problem, hint string) {
	if problem, hint = describeOwn(err); problem != "" {
		return problem, hint
	}
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && spec.Network == networkUnix:
		return "in use by another process", ""
	case errors.Is(err, syscall.EADDRINUSE):
		return "port in use", "another process listens there; `ss -ltnp` shows which"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "address not on this host", "`ip address` lists those that are; a service may have to wait for network-online.target"
	case errors.Is(err, fs.ErrPermission) && spec.isTCP():
		return "permission denied", fmt.Sprintf("ports below %d need CAP_NET_BIND_SERVICE", firstFreePort())
	case errors.Is(err, fs.ErrPermission):
		return "permission denied", "the directory must be writable for the user that sallyport runs as"
	case errors.Is(err, fs.ErrNotExist):
		return "no such directory", "create it first; RuntimeDirectory= does so for a service"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return "address family not supported by this host", "IPv6 may be switched off; write 0.0.0.0:PORT for IPv4 only"
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		return "out of file descriptors", "raise LimitNOFILE"
	case errors.As(err, &unknown):
		return fmt.Sprintf("unknown host name or port name %q", unknown.Name), "an IP address needs no name service at the start"
	default:
		return err.Error(), ""
	}
}

// describeOwn describes the errors of this package.
func describeOwn(err error) (problem, hint string) {
	for _, own := range []struct {
		err  error
		hint string
	}{
		{errAbstract, "a path has permissions that decide who may connect"},
		{errLongPath, "a shorter directory, such as /run/sallyport"},
		{errNoSocket, "it is never removed; choose another path, or remove it yourself"},
		{errAnswered, "`ss -lxp` shows which"},
		{errTwice, "every port needs an address of its own"},
		{errNotPassed, "FileDescriptorName= in the .socket unit gives the name; sockets come only at the start of the process"},
		{errSeveral, "give each its own .socket unit with its own FileDescriptorName="},
		{errDatagram, "use ListenStream="},
		{errNotListen, "use Accept=no, the default"},
	} {
		if errors.Is(err, own.err) {
			return own.err.Error(), own.hint
		}
	}
	return "", ""
}

// firstFreePort is the first port that needs no privilege.
func firstFreePort() int {
	const classic = 1024
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		return classic
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return classic
	}
	return n
}
