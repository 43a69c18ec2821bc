package handover

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Taking is the side of the process that comes. Its methods are called one after the other, each at most once. It belongs
// to one goroutine.
type Taking struct {
	wire     *wire
	giver    Process
	patience Patience
}

// Ask receives the sockets of the process at the other end of conn. The connection stays the caller's to close; the files
// of the sockets become the caller's.
func Ask(conn *net.UnixConn, self Process, patience Patience) (*Taking, []Socket, error) {
	w, err := newWire(conn)
	if err != nil {
		return nil, nil, err
	}
	t := &Taking{wire: w, patience: patience.orDefault()}
	if err := w.send(kindHello, self, nil, t.patience.Hello); err != nil {
		return nil, nil, err
	}
	sockets, err := t.offered()
	if err != nil {
		w.giveUp(err.Error())
		return nil, nil, err
	}
	return t, sockets, nil
}

// offered receives the whole offer, or closes what came of it.
func (t *Taking) offered() (sockets []Socket, err error) {
	payload, err := t.wire.awaitBare(kindOffer, t.patience.Hello)
	if err != nil {
		return nil, err
	}
	var o offer
	if err := decode(kindOffer, payload, &o); err != nil {
		return nil, err
	}
	if o.Sockets < 0 || o.Sockets > maxSockets {
		return nil, fmt.Errorf("%w: an offer of %d sockets", errMalformed, o.Sockets)
	}
	t.giver = o.Process
	for len(sockets) < o.Sockets {
		more, err := t.batch(o.Sockets - len(sockets))
		if err != nil {
			for _, s := range sockets {
				_ = s.File.Close()
			}
			return nil, err
		}
		sockets = append(sockets, more...)
	}
	return sockets, nil
}

// batch receives one message of sockets, at least one and at most limit.
func (t *Taking) batch(limit int) ([]Socket, error) {
	payload, files, err := t.wire.await(kindSockets, t.patience.Hello)
	if err != nil {
		return nil, err
	}
	sockets, err := match(payload, files)
	if err == nil && (len(sockets) == 0 || len(sockets) > limit) {
		err = fmt.Errorf("%w: %d sockets, where 1 to %d were left", errMalformed, len(sockets), limit)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return sockets, nil
}

// match puts labels to descriptors.
func match(payload []byte, files []*os.File) ([]Socket, error) {
	var labels []label
	if err := decode(kindSockets, payload, &labels); err != nil {
		return nil, err
	}
	if len(labels) != len(files) {
		return nil, fmt.Errorf("%w: %d descriptors for %d sockets", errMalformed, len(files), len(labels))
	}
	var sockets []Socket
	for i, l := range labels {
		sockets = append(sockets, Socket{Name: l.Name, Foreign: l.Foreign, File: files[i]})
	}
	return sockets, nil
}

// Giver is the process that answered.
func (t *Taking) Giver() Process { return t.giver }

// Take has the giver accept no more connections and returns what it knew last. [ErrGone] means that the sockets are
// the taker's now, and nothing else is left.
func (t *Taking) Take() (state []byte, err error) {
	if err := t.wire.sendSign(kindTake); err != nil && !errors.Is(err, ErrGone) {
		return nil, err
	}
	return t.wire.awaitLate(kindState, t.patience.Switch) // or the reason for which it has gone
}

// Ready says that nothing can fail any more and blocks until the giver has decided: nil and [ErrGone] mean that the sockets are
// the taker's, and so does [os.ErrDeadlineExceeded]: a giver that is asleep finds, when it wakes, that they have been taken. After
// any other error they are not.
func (t *Taking) Ready() error {
	if err := t.wire.sendSign(kindReady); err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	_, err := t.wire.awaitLate(kindDone, t.patience.Switch) // or the reason for which it has gone
	return err
}

// Settled blocks until the giver has nothing left to do about the handover, at most for the given time, without a limit if
// that is 0.
func (t *Taking) Settled(patience time.Duration) error {
	if err := t.wire.conn.SetReadDeadline(deadline(patience)); err != nil {
		return err
	}
	n, files, err := t.wire.receive(make([]byte, 1))
	closeAll(files)
	switch {
	case err == nil && n > 0:
		return fmt.Errorf("%w: something after done", errMalformed)
	case err == nil || errors.Is(gone(err), ErrGone) || errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// Abort tells the giver that it keeps everything, and why.
func (t *Taking) Abort(reason string) { t.wire.giveUp(reason) }
