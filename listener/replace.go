package listener

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"syscall"
)

// reservation is a new socket that is bound and does not listen before the commit. It is narrower than one that goes, so it
// would take clients from that, and they would be lost if the stage were given up. Nobody else can bind the address in
// between, because the wider socket listens.
type reservation struct {
	socket *Listener
	rivals []*Listener
}

// replace opens a TCP socket whose address was taken. If all that stands in the way are sockets of this set that
// go with this stage or went a moment ago, it is bound beside them; they are not touched otherwise. A socket
// that was only named differently is returned as it is. taken is the error of the plain attempt.
func (st *Stage) replace(ctx context.Context, spec Spec, taken error) (*Listener, error) {
	want := spec.reach(taken)
	rivals := st.inTheWay(want)
	if !errors.Is(taken, syscall.EADDRINUSE) || len(rivals) == 0 {
		return nil, taken
	}
	narrower := false
	for _, rival := range rivals {
		open := st.set.open[rival.key] == rival
		if open && !st.stays(rival) && rival.reach == want {
			return rival, nil
		}
		if st.cannotYield(rival, want) != "" {
			return nil, taken
		}
		narrower = narrower || open && rival.reach.covers(want)
	}
	if narrower {
		return st.reserve(spec, want, rivals)
	}
	l, err := st.beside(ctx, spec, want, rivals)
	if err != nil {
		forgetSharing(want.at.Port())
		return nil, taken // by somebody else, too
	}
	return l, nil
}

// beside opens a socket that is wider than those in the way: until they close, the kernel prefers them.
func (st *Stage) beside(ctx context.Context, spec Spec, want reach, rivals []*Listener) (l *Listener, err error) {
	err = sharing(rivals, func() error {
		inner, err := listenTCP(ctx, Spec{Network: want.network(), Address: want.at.String(), DeadPeer: spec.DeadPeer}, true)
		if err != nil {
			return err
		}
		l = st.set.listener(spec, inner)
		l.shared.Store(true)
		shareAddress(l.raw(), false)
		return nil
	})
	return l, err
}

// reserve binds a socket that is to listen with the commit.
func (st *Stage) reserve(spec Spec, want reach, rivals []*Listener) (*Listener, error) {
	var inner net.Listener
	err := sharing(rivals, func() (err error) {
		inner, err = bindTCP(want)
		return err
	})
	if err != nil {
		return nil, err
	}
	l := st.set.listener(spec, inner)
	l.wrapped = true
	l.shared.Store(true)
	st.reserved = append(st.reserved, reservation{l, rivals})
	return l, nil
}

// begin lets a reserved socket listen, beside those that go.
func (r reservation) begin(log *slog.Logger) {
	err := sharing(append(slices.Clone(r.rivals), r.socket), func() error { return listenNow(r.socket.raw()) })
	if err != nil { // the wider socket keeps others away, so it takes a broken kernel
		log.Error("a new socket does not listen", slog.String(keyAddress, r.socket.Spec().String()), slog.Any(keyError, err))
	}
}

// sharing runs do while the sockets allow others of the same user beside them, and not a moment longer: SO_REUSEPORT
// left on would let a second process take a part of our clients.
func sharing(sockets []*Listener, do func() error) error {
	for _, l := range sockets {
		shareAddress(l.raw(), true) // an error shows in do
		defer shareAddress(l.raw(), false)
		l.shared.Store(true)
	}
	return do()
}
