package main

import (
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"sallyport/listener"
)

// descriptorStore has systemd keep the listening sockets of ports while no process runs (FileDescriptorStoreMax= in the unit), so that
// clients wait during a restart instead of being refused. systemd never says whether it does. It belongs to the change that is
// being applied.
type descriptorStore struct {
	log  *slog.Logger
	send func(state string, file *os.File) error // nil: nobody keeps anything; file may be nil

	kept   map[string]*listener.Listener // by name; nil for one that was kept when this process began
	failed bool                          // and said so
}

// storePrefix tells sockets from the store from those of .socket units.
const storePrefix = "sallyport+"

// storeName is the name of a socket in the store; empty if it cannot have one. systemd takes printable characters but the
// colon, and 255 of them.
func storeName(key string) string {
	name := storePrefix + url.QueryEscape(key)
	if len(name) > 255 {
		return ""
	}
	return name
}

// storedKey is the key of the socket that a name was made for.
func storedKey(name string) (key string, ok bool) {
	escaped, ok := strings.CutPrefix(name, storePrefix)
	if !ok {
		return "", false
	}
	key, err := url.QueryUnescape(escaped)
	return key, err == nil
}

func newDescriptorStore(log *slog.Logger) *descriptorStore {
	s := &descriptorStore{log: log, kept: make(map[string]*listener.Listener)}
	if path := os.Getenv("NOTIFY_SOCKET"); path != "" {
		s.send = func(state string, file *os.File) error { return notifyWithFile(path, state, file) }
	}
	return s
}

// restore picks from what systemd passed what an earlier process had it keep. The others are for socket activation.
func (s *descriptorStore) restore(passed []*os.File) (stored []listener.Handed, others []*os.File) {
	for _, file := range passed {
		key, ok := storedKey(file.Name())
		if !ok {
			others = append(others, file)
			continue
		}
		s.kept[file.Name()] = nil
		stored = append(stored, listener.Handed{Key: key, File: file})
	}
	return stored, others
}

// names returns what systemd keeps, for the next process.
func (s *descriptorStore) names() []string { return slices.Sorted(maps.Keys(s.kept)) }

// inherit takes the names from the process before.
func (s *descriptorStore) inherit(names []string) {
	for _, name := range names {
		if _, ok := storedKey(name); ok {
			s.kept[name] = nil
		}
	}
}

// follow has systemd keep the sockets that are open now, and no others.
func (s *descriptorStore) follow(open []*listener.Listener) {
	if s.send == nil {
		return
	}
	wanted := make(map[string]bool)
	for _, l := range open {
		name := storeName(l.Key())
		if l.Foreign() || name == "" {
			continue
		}
		wanted[name] = true
		s.keep(name, l)
	}
	for name, l := range s.kept {
		if wanted[name] {
			continue
		}
		if l == nil {
			s.log.Info("a socket that systemd kept is not wanted any more", "name", name)
		}
		s.remove(name)
	}
}

// keep has systemd keep one socket unless it does already.
func (s *descriptorStore) keep(name string, l *listener.Listener) {
	before, known := s.kept[name]
	switch {
	case known && before == l:
		return
	case known && before == nil && l.Inherited():
		s.kept[name] = l
		l.Keep(true)
		return
	case known:
		s.remove(name) // the name is that of another socket by now
	}
	file, err := l.File()
	if err == nil {
		err = s.send("FDSTORE=1\nFDNAME="+name, file)
		_ = file.Close()
	}
	if err != nil {
		if !s.failed {
			s.log.Warn("systemd could not be given a socket to keep", "name", name, "error", err)
		}
		s.failed = true
		return
	}
	s.failed = false
	s.kept[name] = l
	l.Keep(true)
}

// forget is for sockets that are about to be closed: the files of UNIX sockets are to go with them.
func (s *descriptorStore) forget(removed []*listener.Listener) {
	for _, l := range removed {
		l.Keep(false)
	}
}

func (s *descriptorStore) remove(name string) {
	delete(s.kept, name)
	if err := s.send("FDSTOREREMOVE=1\nFDNAME="+name, nil); err != nil {
		s.log.Warn("systemd could not be told to let a socket go", "name", name, "error", err)
	}
}
