package listener

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/coreos/go-systemd/v22/activation"
)

// Inherited returns the sockets that systemd passed to this process, named as their units name them, for
// Set.Inherited. It takes the announcement out of the environment and sets close-on-exec,
// so that only the first call returns any.
func Inherited() []*os.File { return activation.Files(true) }

// passedSocket is an inherited descriptor and what it is.
type passedSocket struct {
	file *os.File
	key  string // the Key of an ordinary spec for the same address; empty if it is no listening stream
	err  error  // why it cannot be used
}

// inspect looks at what was passed, once.
func inspect(files []*os.File) []passedSocket {
	var sockets []passedSocket
	for _, file := range files {
		socket := passedSocket{file: file}
		inner, err := net.FileListener(file)
		switch {
		case err != nil:
			socket.err = fmt.Errorf("%w: %w", errDatagram, err)
		case !listens(inner):
			socket.err = errNotListen
		default:
			socket.key = specOf(inner).Key()
		}
		if inner != nil {
			_ = inner.Close() // a duplicate; the file stays
		}
		sockets = append(sockets, socket)
	}
	return sockets
}

// specOf returns the ordinary spec that would open the same socket.
func specOf(inner net.Listener) Spec {
	addr, ok := inner.Addr().(*net.TCPAddr)
	if !ok {
		path := inner.Addr().String()
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return Spec{Network: networkUnix, Address: path}
	}
	network := "tcp"
	if addr.IP.IsUnspecified() && addr.IP.To4() == nil && onlyIPv6(inner) {
		network = "tcp6"
	}
	return Spec{Network: network, Address: addr.String()}
}

// fromInherited returns a listener for spec on a passed socket, by name for systemd specs, by address
// for others; nil when none fits. The descriptor it uses stays with the set until the commit.
func fromInherited(spec Spec, sockets []passedSocket) (net.Listener, *os.File, error) {
	fits := slices.Collect(func(yield func(passedSocket) bool) {
		for _, socket := range sockets {
			byName := spec.Network == networkSystemd && socket.file.Name() == spec.Address
			byAddress := spec.Network != networkSystemd && socket.key == spec.Key()
			if (byName || byAddress) && !yield(socket) {
				return
			}
		}
	})
	switch {
	case len(fits) == 0 && spec.Network == networkSystemd:
		return nil, nil, errNotPassed
	case len(fits) == 0:
		return nil, nil, nil
	case len(fits) > 1:
		return nil, nil, errSeveral
	case fits[0].err != nil:
		return nil, nil, fits[0].err
	}
	inner, err := net.FileListener(fits[0].file)
	if err != nil {
		return nil, nil, fmt.Errorf("take over: %w", err)
	}
	return inner, fits[0].file, nil
}

// closeFiles closes descriptors that are no longer needed.
func closeFiles(files []*os.File) error {
	var errs []error
	for _, file := range files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
