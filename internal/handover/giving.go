package handover

import (
	"fmt"
	"net"
	"os"
)

// Giving is the side of the process that runs. Its methods are called one after the other, each at most once; after an
// error, say so with Abort and go on as before. It belongs to one goroutine.
type Giving struct {
	wire     *wire
	self     Process
	taker    Process
	patience Patience
}

// Answer receives who asks at the other end of conn, which stays the caller's to close.
func Answer(conn *net.UnixConn, self Process, patience Patience) (*Giving, error) {
	w, err := newWire(conn)
	if err != nil {
		return nil, err
	}
	g := &Giving{wire: w, self: self, patience: patience.orDefault()}
	payload, err := w.awaitBare(kindHello, g.patience.Hello)
	if err == nil {
		err = decode(kindHello, payload, &g.taker)
	}
	if err != nil {
		w.giveUp(err.Error())
		return nil, err
	}
	return g, nil
}

// Taker is the process that asks.
func (g *Giving) Taker() Process { return g.taker }

// Offer sends duplicates of the sockets and blocks until the taker has built everything on them and asks for more. The files
// stay the caller's. Accept no more connections after it, and before Yield.
func (g *Giving) Offer(sockets []Socket) error {
	if len(sockets) > maxSockets {
		return fmt.Errorf("%d sockets are more than can be handed over", len(sockets))
	}
	if err := g.wire.send(kindOffer, offer{Process: g.self, Sockets: len(sockets)}, nil, g.patience.Hello); err != nil {
		return err
	}
	for len(sockets) > 0 {
		n := min(len(sockets), batch)
		var labels []label
		var files []*os.File
		for _, s := range sockets[:n] {
			labels = append(labels, label{Name: s.Name, Foreign: s.Foreign})
			files = append(files, s.File)
		}
		if err := g.wire.send(kindSockets, labels, files, g.patience.Hello); err != nil {
			return err
		}
		sockets = sockets[n:]
	}
	_, err := g.wire.awaitBare(kindTake, g.patience.Stage)
	return err
}

// Yield sends what the taker has to know and blocks until it is ready to serve.
func (g *Giving) Yield(state []byte) error {
	if err := g.wire.sendRaw(kindState, state, nil, g.patience.Switch); err != nil {
		return err
	}
	_, err := g.wire.awaitLate(kindReady, g.patience.Switch)
	return err
}

// Commit gives the sockets away for good: if it returns nil, the taker serves.
func (g *Giving) Commit() error { return g.wire.sendSign(kindDone) }

// Abort tells the taker that it gets nothing, and why.
func (g *Giving) Abort(reason string) { g.wire.giveUp(reason) }
