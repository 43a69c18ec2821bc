package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// maxSocketPath is what sockaddr_un holds on Linux, without the closing zero; other systems hold less.
const maxSocketPath = 107

// socketFile is the file of a UNIX socket that was made here.
type socketFile struct {
	path string
	made os.FileInfo
}

// listenUnix opens a UNIX socket. A socket file that nobody answers is replaced; a file that
// is no socket, or that is answered, is left alone. The umask decides the file's mode.
func listenUnix(ctx context.Context, address string) (net.Listener, *socketFile, error) {
	if strings.HasPrefix(address, "@") {
		return nil, nil, errAbstract
	}
	_, path := Spec{Network: networkUnix, Address: address}.canonical()
	if len(path) > maxSocketPath {
		return nil, nil, errLongPath
	}
	if err := clearStale(ctx, path); err != nil {
		return nil, nil, err
	}
	inner, err := (&net.ListenConfig{}).Listen(ctx, networkUnix, path)
	if err != nil {
		return nil, nil, err
	}
	// The net package would remove whatever then has this name.
	inner.(*net.UnixListener).SetUnlinkOnClose(false)
	made, err := os.Lstat(path)
	if err != nil {
		return nil, nil, errors.Join(err, inner.Close())
	}
	return inner, &socketFile{path: path, made: made}, nil
}

// clearStale removes the socket file of a process that is gone. Between the look and the removal
// another process can bind the name anew; the second look makes that window as small as it gets.
func clearStale(ctx context.Context, path string) error {
	found, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if found.Mode().Type() != fs.ModeSocket {
		return errNoSocket
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, networkUnix, path)
	if err == nil {
		_ = conn.Close() // nothing was sent
		return errAnswered
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w: %w", errAnswered, err) // a full queue, another socket type, no permission: somebody's
	}
	return (&socketFile{path: path, made: found}).remove()
}

// remove unlinks the file if it is still the same.
func (f *socketFile) remove() error {
	now, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(f.made, now) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(f.path)
}
