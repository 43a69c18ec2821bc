package listener

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
)

// Handed is a listening socket that another process opened and hands over.
type Handed struct {
	Key     string // of the Spec that it was opened for
	Foreign bool   // see [Listener.Foreign]
	Found   bool   // whoever hands it over has just seen that a UNIX socket's file is its own
	File    *os.File
}

// Adopt gives the set sockets to use instead of opening its own. They belong to the set from then on, which closes
// those that the next committed stage does not use.
//
// Until [Set.Own] is called, the other process is taken to have the sockets, too: the files of UNIX sockets survive
// Close. A UNIX socket whose file has gone is not used, since no client could reach it.
func (s *Set) Adopt(sockets []Handed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adopted = append(s.adopted, sockets...)
}

// Own says that no other process has the open sockets any more, so that Close removes the files of UNIX sockets again. The files
// of those that were handed over and are not used go now.
func (s *Set) Own() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range s.orphans {
		if err := file.remove(); err != nil {
			s.Log.Warn("the file of a UNIX socket is left", slog.String(keyAddress, file.path), slog.Any(keyError, err))
		}
	}
	s.orphans = nil
	for _, l := range s.open {
		l.mu.Lock()
		l.handed = false
		l.mu.Unlock()
	}
}

// fromAdopted returns a listener on the socket that was handed over for spec; nil if none was. The lock is held.
func (s *Set) fromAdopted(spec Spec) (*Listener, error) {
	for _, handed := range s.adopted {
		if handed.Key != spec.Key() {
			continue
		}
		var file *socketFile
		if spec.Network == networkUnix && !handed.Foreign {
			if file = existing(spec); file == nil {
				return nil, nil
			}
		}
		inner, err := net.FileListener(handed.File)
		if err != nil {
			return nil, fmt.Errorf("take over: %w", err)
		}
		if !listens(inner) || !fits(spec, inner.Addr()) {
			return nil, errors.Join(errNotSuch, inner.Close())
		}
		l := s.listener(spec, inner)
		l.path, l.wrapped, l.foreign, l.handed = file, true, handed.Foreign, true
		return l, nil
	}
	return nil, nil
}

// fits reports whether a socket can be what was opened for spec: it is handed over under a name, and names can be wrong.
func fits(spec Spec, addr net.Addr) bool {
	_, address := spec.canonical()
	switch {
	case spec.Network == networkUnix:
		return addr.Network() == networkUnix
	case !spec.isTCP():
		return true // systemd's, by name
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	_, port, err := net.SplitHostPort(address)
	return err == nil && (port == "0" || port == strconv.Itoa(tcp.Port))
}

// existing returns the file of a UNIX socket; nil if there is none.
func existing(spec Spec) *socketFile {
	_, path := spec.canonical()
	found, err := os.Lstat(path)
	if err != nil || found.Mode().Type() != fs.ModeSocket {
		return nil
	}
	return &socketFile{path: path, made: found}
}

// abandoned returns the files of the sockets that were handed over and are not among the open ones. The other process may
// go on with them yet. The lock is held.
func (s *Set) abandoned() (files []*socketFile) {
	for _, handed := range s.adopted {
		network, path, _ := strings.Cut(handed.Key, " ")
		if network != networkUnix || !handed.Found || handed.Foreign || s.open[handed.Key] != nil {
			continue
		}
		if file := existing(Spec{Network: network, Address: path}); file != nil {
			files = append(files, file)
		}
	}
	return files
}

// disown closes the descriptors that were handed over; listeners have duplicates. The lock is held.
func (s *Set) disown() error {
	var errs []error
	for _, handed := range s.adopted {
		errs = append(errs, handed.File.Close())
	}
	s.adopted = nil
	return errors.Join(errs...)
}

// Foreign reports whether the socket was made by systemd's .socket unit, which keeps it: its options and its
// file are not ours.
func (l *Listener) Foreign() bool { return l.foreign }

// Reachable reports whether clients can still find the socket: the file of a UNIX socket can be removed or replaced.
func (l *Listener) Reachable() bool {
	if l.path == nil {
		return true
	}
	now, err := os.Lstat(l.path.path)
	return err == nil && os.SameFile(l.path.made, now)
}

// Inherited reports whether another process, or systemd, opened the socket.
func (l *Listener) Inherited() bool { return l.wrapped }

// Keep says whether somebody keeps the socket open for a process to come. A UNIX socket's file then survives Close; if
// nobody does, it goes with the socket, whoever has the descriptor.
func (l *Listener) Keep(kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = kept
	l.handed = l.handed && kept
}
