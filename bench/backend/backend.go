// Package backend is the plaintext server behind every proxy that is measured, and what its clients say to it.
//
// A client begins with one [Order]. It asks for an echo of all that follows, for a number of bytes, or announces a number of
// bytes. What flows is the [Pattern], so that both sides check every byte.
package backend

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// Kind says what a client wants.
type Kind byte

const (
	Echo Kind = 'e' // everything that follows comes back
	Down Kind = 'd' // so many bytes are sent
	Up   Kind = 'u' // so many bytes follow, and their number comes back as a receipt once they were checked
)

// Order is the first thing on a connection: a kind and a number of bytes, which means nothing to an echo.
type Order struct {
	Kind  Kind
	Bytes int64
}

// OrderSize is the length of an order on the wire; a receipt is the number alone.
const (
	OrderSize   = 9
	ReceiptSize = 8
)

// Append appends the order as it is sent.
func (o Order) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(o.Kind)), uint64(o.Bytes))
}

func readOrder(r io.Reader) (Order, error) {
	var b [OrderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Order{}, err
	}
	return Order{Kind: Kind(b[0]), Bytes: int64(binary.BigEndian.Uint64(b[1:]))}, nil
}

// Serve answers on every connection of l until l is closed, and tells of orders that were not kept to: complain is called
// from many goroutines.
func Serve(l net.Listener, complain func(error)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				complain(err)
			}
			return
		}
		go func() {
			defer conn.Close()
			if err := answer(conn); err != nil && err != io.EOF {
				complain(err)
			}
		}()
	}
}

// answer carries out one order.
func answer(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, OrderSize+16) // takes a short session's message with its order
	order, err := readOrder(in)
	if err != nil {
		return err // EOF: a look whether we are there
	}
	switch order.Kind {
	case Echo:
		return echo(conn, in)
	case Down:
		_, err := io.CopyBuffer(struct{ io.Writer }{conn}, NewPattern(order.Bytes), make([]byte, step))
		return err
	case Up:
		return receive(conn, in, order.Bytes)
	default:
		return fmt.Errorf("order of unknown kind %q", byte(order.Kind))
	}
}

func echo(conn net.Conn, in io.Reader) error {
	buf := make([]byte, 16<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			if _, err := conn.Write(buf[:n]); err != nil {
				return nil // the client is done with us
			}
		}
		if err != nil {
			return nil
		}
	}
}

func receive(conn net.Conn, in io.Reader, n int64) error {
	if err := Check(in, n, make([]byte, step)); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	_, err := conn.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return err
}
