package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"

	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/listener"
)

// endpoint is the admin socket. It follows the configuration: where that names another address, the
// new socket is open before the old one closes.
type endpoint struct {
	log     *slog.Logger
	sockets listener.Set
	server  *http.Server // nil while it is off
	handler atomic.Pointer[http.Handler]
}

// stage opens what cfg asks for and returns how to switch to it.
func (e *endpoint) stage(cfg *config.Config, service admin.Service, locks admin.Locks, upstreams admin.Switch) (switchOver func(), problem *config.Problem) {
	listen := cfg.Admin.Listen
	var wanted []listener.Spec
	if !cfg.Admin.Off {
		wanted = append(wanted, listener.Spec{Network: listen.Value.Network, Address: listen.Value.Address})
	}
	token, err := e.prepare(cfg)
	var staged *listener.Stage
	if err == nil {
		staged, err = e.sockets.Stage(context.Background(), wanted)
	}
	if err == nil {
		if err = onlyLocal(staged); err != nil {
			staged.Abort()
		}
	}
	if err != nil {
		p := e.problem(cfg.Admin, err)
		return func() {}, &p
	}
	return func() { e.switchTo(staged, wanted, admin.Handler(service, locks, upstreams, token)) }, nil
}

// problem says why the socket cannot be opened. A default one that cannot be opened is only a
// warning: nobody asked for it.
func (e *endpoint) problem(c config.Admin, err error) config.Problem {
	message, hint := err.Error(), ""
	if open := openErrors(err); len(open) == 1 {
		message, hint = open[0].Problem, open[0].Hint
	}
	if c.Explicit {
		return c.Listen.Problem(message, hint)
	}
	return c.Listen.Warning(fmt.Sprintf("no admin socket, so status and reload do not work: %s: %s", c.Listen.Value, message),
		cmp.Or(hint, `set listen under [admin], to "off" if nobody needs it`))
}

// onlyLocal refuses a socket that systemd passed if it can be reached from the network; other addresses
// were checked where they were written.
func onlyLocal(staged *listener.Stage) error {
	for _, l := range staged.Added {
		if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			return fmt.Errorf("the socket that systemd passed listens on %s, which can be reached from the network", tcp)
		}
	}
	return nil
}

// prepare makes the state directory for a default socket, and the token for a TCP one.
func (e *endpoint) prepare(cfg *config.Config) (token string, err error) {
	switch {
	case cfg.Admin.Off:
		return "", nil
	case cfg.Admin.Listen.Value.Network != "unix":
		return admin.Token(cfg.Host.StateDir)
	case !cfg.Admin.Explicit:
		return "", os.MkdirAll(cfg.Host.StateDir, 0o700)
	default:
		return "", nil
	}
}

// ServeHTTP answers by the handler in force: the token can change while the socket stays.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*e.handler.Load()).ServeHTTP(w, r)
}

func (e *endpoint) switchTo(staged *listener.Stage, wanted []listener.Spec, h http.Handler) {
	e.handler.Store(&h)
	added, old := staged.Added, e.server
	staged.Commit()
	if len(wanted) > 0 && len(added) == 0 { // the same socket, which may have another name
		return
	}
	e.server = nil
	if len(wanted) > 0 {
		e.server = admin.Server(e)
		for _, l := range added {
			e.restrict(l.Spec())
			go e.serve(e.server, l)
		}
	}
	if old != nil {
		go old.Shutdown(context.Background()) // the request that caused this may be one of its own
	}
}

func (e *endpoint) serve(server *http.Server, l net.Listener) {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		e.log.Error("admin endpoint stopped", "error", err)
	}
}

// restrict keeps other users from a UNIX socket: who can connect to it can reload.
func (e *endpoint) restrict(spec listener.Spec) {
	if spec.Network != "unix" {
		return
	}
	if err := os.Chmod(spec.Address, 0o600); err != nil {
		e.log.Warn("other users may be able to use the admin socket", "error", err)
	}
}

// leave ends the endpoint here: its socket is another process' now. Requests that are being answered still are.
func (e *endpoint) leave() {
	e.sockets.Close()
	if e.server != nil {
		go e.server.Shutdown(context.Background())
	}
}

// close ends the endpoint.
func (e *endpoint) close() {
	if e.server != nil {
		e.server.Close()
	}
	e.sockets.Close()
}
