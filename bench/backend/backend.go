// Package backend is the plaintext server behind every proxy that is measured, and what its clients say to it.
//
// A client begins with an [Order]. It asks for an echo of all that follows, for a number of bytes, or announces a number of bytes;
// after the bytes comes the next order. What flows is a pattern, so that both sides check every byte.
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

// Order is the first thing on a connection, and what follows a transfer: a kind and a number of bytes, which means nothing to an echo.
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
			if err := answer(conn); err != nil {
				complain(err)
			}
		}()
	}
}

// answer carries out one order after the other.
func answer(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, OrderSize+16) // takes a short session's message with its order; what is large goes past it
	var buf []byte                                // for what is received
	for {
		order, err := readOrder(in)
		if err == io.ErrUnexpectedEOF {
			return fmt.Errorf("order: %w", err)
		} else if err != nil {
			return nil // a look whether we are there, or the end; whether it was a good one is the client's to say
		}
		switch order.Kind {
		case Echo:
			return echo(conn, in)
		case Down:
			if err := Send(conn, order.Bytes); err != nil {
				return nil // the client is done with us
			}
		case Up:
			if buf == nil {
				buf = make([]byte, step)
			}
			if err := receive(conn, in, order.Bytes, buf); err != nil {
				return err
			}
		default:
			return fmt.Errorf("order of unknown kind %q", byte(order.Kind))
		}
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

func receive(conn net.Conn, in io.Reader, n int64, buf []byte) error {
	if err := Check(in, n, buf); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, uint64(n))); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return nil
}
