package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"sallyport/policy"
)

// Check asks an endpoint whether it is well, within the timeout of h: it connects, shakes hands if the endpoint speaks
// TLS, sends what h says, and waits for the answer if one is expected; without anything to send that is the greeting of
// a server that speaks first. Then it closes in order, so that the source port is free again and the endpoint has nothing
// to complain of; where that does not come about in time, the connection is reset. No PROXY header is sent.
//
// [*policy.Refusal]s tell errors that say nothing about the endpoint from others: see [Dialer.Dial]. Who gives up by
// ending ctx is told so, with [context.Canceled].
func (d *Dialer) Check(ctx context.Context, e *Endpoint, h *Health) error {
	timed, cancel := contextWithin(ctx, h.Timeout)
	defer cancel()
	err := d.check(timed, e, h)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("the check was given up: %w", ctx.Err())
	}
	return err
}

func (d *Dialer) check(ctx context.Context, e *Endpoint, h *Health) error {
	conn, err := d.Dial(ctx, e, Check, h.Timeout)
	if err != nil {
		return err
	}
	defer conn.Lease.Release()
	defer resetAtEnd(ctx, conn)()

	stream, err := converse(ctx, conn, e.TLS, h)
	if alert := part(conn, stream); err == nil {
		err = alert
	}
	return err
}

// resetAtEnd has the connection reset when ctx ends. The function that it returns ends that, and waits for it if it is
// under way. A deadline would not do: crypto/tls sets its own.
func resetAtEnd(ctx context.Context, conn *Conn) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		resetConn(conn.Conn)
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// converse has the conversation of a check. It returns the stream that is to be closed in order: the connection, or TLS
// over it once its handshake is over.
func converse(ctx context.Context, conn *Conn, config *tls.Config, h *Health) (stream net.Conn, err error) {
	stream = conn.Conn
	if config != nil {
		client, err := secure(ctx, conn.Conn, config)
		if err != nil {
			return stream, err
		}
		stream = client
	}
	if h.Send != "" {
		if _, err := io.WriteString(stream, h.Send); err != nil {
			return stream, broken(ctx, "send", err)
		}
	}
	if h.Expect == nil {
		return stream, nil
	}
	if got, err := readExpected(stream, h.Expect); err != nil {
		return stream, disappointed(ctx, h.Expect, got, err)
	}
	return stream, nil
}

// ErrClosedInHandshake is what the end of a connection means where a TLS handshake was to be.
var ErrClosedInHandshake = errors.New("the server closed the connection during the handshake; does it speak TLS?")

func secure(ctx context.Context, conn net.Conn, config *tls.Config) (*tls.Conn, error) {
	client := tls.Client(conn, config)
	err := client.Handshake()
	switch {
	case err == nil:
		return client, nil
	case ctx.Err() != nil:
		return nil, broken(ctx, "handshake", err)
	case err == io.EOF:
		err = ErrClosedInHandshake
	}
	return nil, policy.Refuse(policy.UpstreamTLS, printable{err})
}

// broken is an error in the middle of a conversation. At the end of ctx the connection is closed, so that only ctx knows
// why.
func broken(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return policy.Refuse(policy.UpstreamTimeout, fmt.Errorf("%s: %w", what, ctx.Err()))
	}
	return fmt.Errorf("%s: %w", what, printable{err})
}
