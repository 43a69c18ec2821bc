package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// flood talks on connections that are established while handshakes are begun and left: as many as the proxy answers, since so many
// wait for their answer at any time. Only the talks count.
type flood struct {
	job         Job
	dialer      *dialer
	tally       *tally
	established *exchange
	hello       []byte
}

func (f *flood) prepare(ctx context.Context) error {
	if f.dialer.tls == nil {
		return errors.New("a flood of handshakes needs TLS")
	}
	var err error
	if f.hello, err = hello(f.dialer.tls); err != nil {
		return err
	}
	return f.established.prepare(ctx)
}

func (f *flood) run(ctx context.Context) error {
	var all sync.WaitGroup
	for range f.job.Beside {
		all.Go(func() { f.press(ctx) })
	}
	err := f.established.run(ctx)
	all.Wait()
	return err
}

// press begins one handshake after the other. It costs the client a connection and the server a key agreement and a signature.
func (f *flood) press(ctx context.Context) {
	begun := 0
	buf := make([]byte, 4<<10)
	for end := deadline(ctx); time.Now().Before(end); {
		err := f.begin(ctx, buf)
		switch {
		case err == nil:
			begun++
		case time.Now().Before(end): // at the end all that wait are interrupted
			f.tally.failed(err)
			pause(ctx)
		}
	}
	f.tally.flooded(begun)
}

// begin sends the recorded hello, waits for the first bytes of the answer, and leaves.
func (f *flood) begin(ctx context.Context, buf []byte) error {
	conn, err := f.dialer.dial(ctx)
	if err != nil {
		return err
	}
	defer abandon(conn)
	conn.SetDeadline(deadline(ctx)) // an answer that comes later is part of no measurement
	if _, err := conn.Write(f.hello); err != nil {
		return fmt.Errorf("begin a handshake: %w", withoutAddresses(err))
	}
	n, err := io.ReadAtLeast(conn, buf, 6)
	if err != nil {
		return fmt.Errorf("wait for a ServerHello: %w", withoutAddresses(err))
	}
	if !isServerHello(buf[:n]) {
		return errors.New("a ClientHello was not answered with a ServerHello")
	}
	return nil
}

// isServerHello tells the beginning of a handshake record with a ServerHello in it from an alert.
func isServerHello(b []byte) bool { return len(b) > 5 && b[0] == 22 && b[5] == 2 }

// abandon closes a connection with a reset: no port stays behind in TIME_WAIT.
func abandon(conn net.Conn) {
	if tcp, is := bare(conn).(interface{ SetLinger(int) error }); is {
		tcp.SetLinger(0)
	}
	conn.Close()
}

func (f *flood) close() { f.established.close() }
