package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// Prefixed is a connection from which some bytes were read ahead; Read returns them first.
//
// A relay that wants the bare socket (the kernel splices only between those)
// takes what Prefix still holds and goes on with NetConn. Read and Prefix must not
// be called concurrently with each other.
type Prefixed struct {
	net.Conn
	prefix []byte
}

// Prefix returns what was read ahead and not yet returned by Read; nil once all of it was.
// The slice belongs to the connection: it may be read, not changed.
func (p *Prefixed) Prefix() []byte { return p.prefix }

// NetConn returns the bare connection, which no longer holds the bytes of Prefix.
func (p *Prefixed) NetConn() net.Conn { return p.Conn }

// Read returns the bytes that were read ahead, and those of the connection once they are used up.
// It never mixes the two, so that it blocks only when nothing is at hand.
func (p *Prefixed) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	p.prefix = p.prefix[n:]
	if len(p.prefix) == 0 {
		p.prefix = nil // lets go of the buffer
	}
	return n, nil
}

// CloseWrite ends the direction toward the client.
func (p *Prefixed) CloseWrite() error {
	half, ok := p.Conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("close write side of %T: %w", p.Conn, errors.ErrUnsupported)
	}
	return half.CloseWrite()
}

// glanceSize is how much one look takes from a connection. An ordinary hello
// (1.5 KB with an ML-KEM share) fits, so that the system call which serves the
// detection serves the first read of TLS as well.
const glanceSize = 4096

// glance collects the first bytes of a connection for a look at them.
type glance struct {
	bare net.Conn
	seen []byte
}

// look begins with what an earlier look left over, so that looks never stack wrappers.
func look(conn net.Conn) *glance {
	if p, ok := conn.(*Prefixed); ok {
		return &glance{bare: p.Conn, seen: slices.Clip(p.prefix)}
	}
	return &glance{bare: conn}
}

// more adds at least one byte or fails. The buffer grows with what arrives, never
// with what a stranger announces.
func (g *glance) more() error {
	if len(g.seen) == cap(g.seen) {
		g.seen = slices.Grow(g.seen, max(glanceSize, len(g.seen)))
	}
	n, err := g.bare.Read(g.seen[len(g.seen):cap(g.seen)])
	g.seen = g.seen[:len(g.seen)+n]
	switch {
	case n > 0:
		return nil // an error that came with the bytes comes again at the next read
	case err == nil:
		return io.ErrNoProgress
	default:
		return err
	}
}

// rest returns the connection without its first used bytes: bare when nothing else was seen.
func (g *glance) rest(used int) net.Conn {
	if used == len(g.seen) {
		return g.bare
	}
	return &Prefixed{Conn: g.bare, prefix: g.seen[used:]}
}
