package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"sallyport/bench/backend"
)

// bulk makes one transfer after the other on connections that stay. It begins none after the end, finishes those that are under way,
// and ends with them: nothing moves before or after the measured part, and every byte that moves in it counts.
type bulk struct {
	job    Job
	dialer *dialer
	tally  *tally
	conns  []net.Conn
}

// ahead is how many transfers are asked for before the one under way is complete, so that no proxy has to wait for the next.
const ahead = 1

// chunk is how much is read, checked and written at a time.
const chunk = 256 << 10

func (b *bulk) prepare(ctx context.Context) error {
	conns, err := b.dialer.open(ctx, b.job.Connections, abreast, func(int, net.Conn) error { return nil })
	b.conns = conns
	return err
}

func (b *bulk) run(ctx context.Context) error {
	transfer := b.down
	if b.job.Kind == Up {
		transfer = b.up
	}
	end := deadline(ctx)
	var all sync.WaitGroup
	for _, conn := range b.conns {
		conn.SetDeadline(end.Add(patience))
		all.Go(func() {
			if err := transfer(conn, end); err != nil {
				b.tally.failed(err)
			}
		})
	}
	all.Wait()
	return nil
}

// down asks for transfers and checks them.
func (b *bulk) down(conn net.Conn, end time.Time) error {
	order := backend.Order{Kind: backend.Down, Bytes: int64(b.job.Message)}.Append(nil)
	buf := make([]byte, chunk)
	asked := 0
	for asked < 1+ahead {
		if _, err := conn.Write(order); err != nil {
			return fmt.Errorf("ask: %w", withoutAddresses(err))
		}
		asked++
	}
	for ; asked > 0; asked-- {
		if err := backend.Check(conn, int64(b.job.Message), buf); err != nil {
			return fmt.Errorf("download: %w", withoutAddresses(err))
		}
		b.tally.add(b.job.Message)
		if !time.Now().Before(end) {
			continue
		}
		if _, err := conn.Write(order); err != nil {
			return fmt.Errorf("ask: %w", withoutAddresses(err))
		}
		asked++
	}
	return nil
}

// up sends transfers while it waits for the receipts of those before.
func (b *bulk) up(conn net.Conn, end time.Time) error {
	unacknowledged := make(chan struct{}, ahead)
	sent := make(chan error, 1)
	go func() {
		defer close(unacknowledged)
		for more := true; more; more = time.Now().Before(end) {
			unacknowledged <- struct{}{}
			if err := b.send(conn); err != nil {
				sent <- fmt.Errorf("upload: %w", withoutAddresses(err))
				return
			}
		}
		sent <- nil
	}()
	for range unacknowledged {
		if err := b.receipt(conn); err != nil {
			conn.Close() // ends the sender
			for range unacknowledged {
			}
			return err
		}
		b.tally.add(b.job.Message)
	}
	return <-sent
}

// send is one transfer up.
func (b *bulk) send(conn net.Conn) error {
	if _, err := conn.Write(backend.Order{Kind: backend.Up, Bytes: int64(b.job.Message)}.Append(nil)); err != nil {
		return err
	}
	if err := backend.Send(conn, int64(b.job.Message)); err != nil {
		return err
	}
	if behind, is := bare(conn).(*wide); is {
		return behind.out.Flush()
	}
	return nil
}

func (b *bulk) receipt(conn net.Conn) error {
	var receipt [backend.ReceiptSize]byte
	if _, err := io.ReadFull(conn, receipt[:]); err != nil {
		return fmt.Errorf("receipt: %w", withoutAddresses(err))
	}
	if n := binary.BigEndian.Uint64(receipt[:]); n != uint64(b.job.Message) {
		return fmt.Errorf("receipt for %d bytes, not %d", n, b.job.Message)
	}
	return nil
}

func (b *bulk) close() { hangUp(b.conns) }
