package listener

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
)

var (
	errPending = errors.New("another change of the listening sockets is under way")
	errClosed  = errors.New("the listening sockets are closed for good")
)

// Stage is a change of the open sockets that is prepared and not yet made: what is new is open,
// what goes is not closed. It ends with Commit or Abort; until then the set takes no other.
type Stage struct {
	Added   []*Listener // new; clients already queue on them
	Removed []*Listener // open, and not wanted any more

	set   *Set
	specs map[*Listener]Spec // of every socket that will be open
	next  map[string]*Listener
	taken []*os.File // inherited descriptors in use

	wanted   map[string]bool // keys of everything that will be open
	reserved []reservation
}

// Stage opens the wanted sockets that are not open yet, and UNIX sockets that nobody can find any more because their file
// has gone.
//
// If any cannot be opened, those that could are closed again, nothing has changed, and the error joins one
// [*OpenError] for each that failed. The context bounds the resolution of names only.
func (s *Set) Stage(ctx context.Context, wanted []Spec) (*Stage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.pending != nil {
		return nil, errPending
	}
	s.begin()
	stage := &Stage{set: s, specs: map[*Listener]Spec{}, next: map[string]*Listener{}, wanted: map[string]bool{}}
	for _, spec := range wanted {
		stage.wanted[spec.Key()] = true
	}
	var errs []error
	for _, spec := range wanted {
		if err := stage.add(ctx, spec); err != nil {
			errs = append(errs, stage.explain(spec, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, stage.discard())...)
	}
	for _, l := range sorted(s.open) {
		if _, stays := stage.specs[l]; !stays {
			stage.Removed = append(stage.Removed, l)
		}
	}
	s.pending = stage
	return stage, nil
}

// add puts one wanted socket into the stage.
func (st *Stage) add(ctx context.Context, spec Spec) error {
	key := spec.Key()
	if st.next[key] != nil {
		return errTwice
	}
	l := st.set.open[key]
	if l != nil && !l.Reachable() {
		l = st.renew(ctx, l)
	}
	if l == nil {
		var err error
		if l, err = st.open(ctx, spec); err != nil {
			return err
		}
	}
	if st.set.open[l.key] != l {
		st.Added = append(st.Added, l)
	}
	st.next[key], st.specs[l] = l, spec
	return nil
}

// renew opens a UNIX socket again whose file has gone, as with a directory that was replaced. Where that fails, it returns the
// old one: who has connected is served, and nothing else is kept from being changed.
func (st *Stage) renew(ctx context.Context, lost *Listener) *Listener {
	l, err := st.listenUnix(ctx, lost.Spec())
	if err != nil {
		st.report("clients cannot find a UNIX socket any more, and it cannot be made again", explain(lost.Spec(), err))
		return lost
	}
	return l
}

// open takes a socket over or makes it. One that is open under another name comes back as it is.
func (st *Stage) open(ctx context.Context, spec Spec) (*Listener, error) {
	if l, err := st.set.fromAdopted(spec); l != nil || err != nil {
		return l, err
	}
	inner, file, err := fromInherited(spec, st.set.passed)
	if err != nil {
		return nil, err
	}
	if inner != nil {
		st.taken = append(st.taken, file)
		l := st.set.listener(spec, inner)
		l.wrapped, l.foreign = true, true
		return l, nil
	}
	if spec.Network == networkUnix {
		return st.listenUnix(ctx, spec)
	}
	if inner, err = listenTCP(ctx, spec, false); err != nil {
		return st.replace(ctx, spec, err)
	}
	return st.set.listener(spec, inner), nil
}

func (st *Stage) listenUnix(ctx context.Context, spec Spec) (*Listener, error) {
	inner, path, err := listenUnix(ctx, spec.Address)
	if err != nil {
		return nil, err
	}
	l := st.set.listener(spec, inner)
	l.path = path
	return l, nil
}

// listenTCP opens a TCP socket whose options accepted connections inherit; beside others that share their
// address, if it is told to.
func listenTCP(ctx context.Context, spec Spec, beside bool) (net.Listener, error) {
	network, address := spec.canonical()
	config := net.ListenConfig{
		KeepAlive: -1, // inherited, or set by prepare; the net package would set its own on every connection
		Control: func(_, _ string, raw syscall.RawConn) error {
			if beside {
				shareAddress(raw, true)
			}
			return tune(raw, spec.deadPeer())
		},
	}
	// Policy looks at source addresses and ports, and Multipath TCP has several of them.
	config.SetMultipathTCP(false)
	return config.Listen(ctx, network, address)
}

// Commit makes the change: the removed sockets are closed, and so are inherited ones that nobody wanted.
// Call it after new connections are served by the new state. Errors of closing are logged; the change
// is made in any case.
//
// Accept on a removed socket yields who had connected before, and then ends. The socket is closed when Commit returns, unless
// a new one takes its clients over while handshakes are under way: they have three seconds.
func (st *Stage) Commit() {
	s := st.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != st {
		return
	}
	s.pending = nil
	s.open = st.next
	for l, spec := range st.specs {
		st.report("keepalive of a listening socket could not be set", l.adopt(spec))
	}
	for _, r := range st.reserved {
		r.begin(s.Log)
	}
	for _, l := range st.Removed {
		st.report("a listening socket could not be closed", s.remove(l))
	}
	for _, file := range s.remaining(st.taken) {
		s.Log.Warn("systemd passed a socket that no port uses; it is closed", slog.String(keyName, file.Name()))
	}
	st.report("an inherited descriptor could not be closed", closeFiles(s.remaining(nil)))
	s.passed = nil
	s.orphans = append(s.orphans, s.abandoned()...)
	st.report("a descriptor that was handed over could not be closed", s.disown())
}

// Abort closes what the stage opened and leaves everything as it was. After Commit it does nothing, so it may be deferred.
func (st *Stage) Abort() {
	s := st.set
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == st {
		st.report("a listening socket could not be closed", st.discard())
	}
}

// discard closes what was opened. The lock is held.
func (st *Stage) discard() error {
	var errs []error
	for _, l := range st.Added {
		errs = append(errs, l.Close())
	}
	st.set.pending = nil
	return errors.Join(errs...)
}

func (st *Stage) report(message string, err error) {
	if err != nil {
		st.set.Log.Warn(message, slog.Any(keyError, err))
	}
}
