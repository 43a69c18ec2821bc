package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"sallyport/bench/backend"
)

// idle holds connections on which nothing happens any more. Each of them is watched, so that one that did not last is a failure.
type idle struct {
	job    Job
	dialer *dialer
	tally  *tally
	conns  []net.Conn
	ended  sync.WaitGroup // watches
}

func (d *idle) prepare(ctx context.Context) error {
	atATime := abreast
	if d.job.AtOnce {
		atATime = d.job.Connections
	}
	conns, err := d.dialer.open(ctx, d.job.Connections, atATime, d.greet)
	if err != nil {
		return err
	}
	for _, conn := range conns {
		if secure, isTLS := conn.(*tls.Conn); isTLS {
			conn = secure.NetConn() // all has been said: the TLS of thousands would fill our memory for nothing
		}
		d.conns = append(d.conns, conn)
	}
	clear(conns)
	debug.FreeOSMemory()
	d.watch()
	return nil
}

// greet has a message go there and back; a stranger is only connected to.
func (d *idle) greet(i int, conn net.Conn) error {
	if d.job.Plain {
		return nil
	}
	message := backend.Piece(int64(i), d.job.Message)
	if _, err := conn.Write(append(backend.Order{Kind: backend.Echo}.Append(nil), message...)); err != nil {
		return fmt.Errorf("send: %w", withoutAddresses(err))
	}
	return new(answer).expect(conn, message)
}

// watch notices on each connection whatever happens before the end of the measured part, and counts those that got there.
func (d *idle) watch() {
	for _, conn := range d.conns {
		conn.SetDeadline(time.Time{})
		d.ended.Go(func() {
			switch err := d.silence(conn); {
			case errors.Is(err, os.ErrDeadlineExceeded):
				d.tally.add(1)
			case !errors.Is(err, net.ErrClosed):
				d.tally.failed(fmt.Errorf("while idle: %w", withoutAddresses(err)))
			}
		})
	}
}

// silence returns why it ended. A stranger may speak: its tickets come after the handshake, its greeting when it likes.
func (d *idle) silence(conn net.Conn) error {
	var b [1]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return err
		}
		if !d.job.Plain {
			return errors.New("something came")
		}
	}
}

func (d *idle) run(ctx context.Context) error {
	<-ctx.Done()
	for _, conn := range d.conns {
		conn.SetReadDeadline(time.Unix(1, 0)) // long past
	}
	d.ended.Wait()
	return nil
}

func (d *idle) close() { hangUp(d.conns) }
