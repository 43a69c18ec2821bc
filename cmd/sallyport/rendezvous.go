package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"sallyport/internal/handover"
	"sallyport/listener"
)

// rendezvous is the UNIX socket at which a process that starts finds the one that runs with the same configuration. It follows
// the state directory. Without one, everything works but taking over.
type rendezvous struct {
	log     *slog.Logger
	sockets listener.Set
	answer  func(*net.UnixConn) // must not keep the connection
	warned  string              // the last reason why there is none
}

// rendezvousPath is where the process that runs with a configuration is met. The name tells configurations apart that share a
// state directory.
func rendezvousPath(stateDir, config string) (string, error) {
	path, err := filepath.Abs(config)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256([]byte(path))
	return filepath.Abs(filepath.Join(stateDir, "handover-"+hex.EncodeToString(hash[:4])+".sock"))
}

// stage opens the socket for a state directory and returns how to switch to it.
func (r *rendezvous) stage(stateDir, config string) (switchOver func()) {
	if !handover.Supported {
		return func() {}
	}
	staged, err := r.open(stateDir, config)
	if err != nil {
		if r.warned != err.Error() {
			r.warned = err.Error()
			r.log.Warn("a restart will not be able to take over from this process", "error", err)
		}
		return func() {}
	}
	return func() {
		added := staged.Added
		staged.Commit()
		r.warned = ""
		for _, l := range added {
			go r.serve(l)
		}
	}
}

func (r *rendezvous) open(stateDir, config string) (*listener.Stage, error) {
	path, err := rendezvousPath(stateDir, config)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, err
	}
	staged, err := r.sockets.Stage(context.Background(), []listener.Spec{{Network: "unix", Address: path}})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil { // until then the credentials of the peer are all that counts
		staged.Abort()
		return nil, fmt.Errorf("keep others from it: %w", err)
	}
	return staged, nil
}

// serve answers one after the other: while one takes over, the next waits, and finds whoever runs then.
func (r *rendezvous) serve(l *listener.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		r.answer(conn.(*net.UnixConn))
		_ = conn.Close()
	}
}

// close ends it: who comes now opens its own sockets.
func (r *rendezvous) close() { _ = r.sockets.Close() }
