package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"sallyport/policy"
)

// HeaderVersion says which PROXY header, if any, is sent to the upstream.
type HeaderVersion uint8

const (
	NoHeader HeaderVersion = 0
	HeaderV1 HeaderVersion = 1
	HeaderV2 HeaderVersion = 2
)

// Dialer opens connections. [net.Dialer] is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Endpoint is one place to connect to: ("tcp", "host:port"), ("unix", path) or
// ("builtin", "echo").
type Endpoint struct {
	Network string
	Address string
}

// String returns the endpoint as configuration writes it.
func (e Endpoint) String() string {
	if e.Network == "tcp" {
		return e.Address
	}
	return e.Network + ":" + e.Address
}

// Target is the server behind an application. Immutable and safe for concurrent use.
type Target struct {
	Primary  Endpoint
	TLS      *tls.Config   // nil: plaintext
	Header   HeaderVersion // sent before anything else, TLS included
	Dialer   Dialer
	Resolver *Resolver
}

// dial connects to one address of the target's endpoint within the context's deadline.
// Names are resolved now; addresses are tried one after the other, never at
// the same time, so that a later pinned source port cannot collide with itself.
func (t *Target) dial(ctx context.Context) (net.Conn, error) {
	switch t.Primary.Network {
	case "builtin":
		return dialEcho()
	case "unix":
		conn, err := t.Dialer.DialContext(ctx, "unix", t.Primary.Address)
		return conn, refusedDial(err)
	}
	host, port, err := net.SplitHostPort(t.Primary.Address)
	if err != nil {
		return nil, policy.Refuse(policy.UpstreamUnresolved, err)
	}
	addrs, err := t.Resolver.resolve(ctx, host)
	if err != nil {
		return nil, policy.Refuse(policy.UpstreamUnresolved, err)
	}
	for i, addr := range addrs {
		attempt, cancel := shareDeadline(ctx, len(addrs)-i)
		var conn net.Conn
		conn, err = t.Dialer.DialContext(attempt, "tcp", net.JoinHostPort(addr.String(), port))
		cancel()
		if err == nil {
			return conn, nil
		}
	}
	return nil, refusedDial(err)
}

// shareDeadline gives one of several attempts its share of the time that is left.
func shareDeadline(ctx context.Context, attempts int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || attempts <= 1 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(attempts))
}

// refusedDial gives a dial error its reason code.
func refusedDial(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errnoRefused):
		return policy.Refuse(policy.UpstreamRefused, err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errnoTimedOut):
		return policy.Refuse(policy.UpstreamTimeout, err)
	default:
		return policy.Refuse(policy.UpstreamUnreachable, err)
	}
}

// secure shakes hands with the upstream over conn.
func (t *Target) secure(conn net.Conn, lane *Lane, deadline time.Time) (*end, error) {
	w := newWire(conn, lane, deadline)
	client := tls.Client(w, t.TLS)
	err := shakeHands(w, client)
	if err == nil {
		return tlsEnd(Upstream, w, client), nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errBusy) {
		return nil, policy.Refuse(policy.UpstreamTimeout, fmt.Errorf("handshake: %w", err))
	}
	if err == io.EOF {
		err = errors.New("the server closed the connection during the handshake; does it speak TLS?")
	}
	return nil, policy.Refuse(policy.UpstreamTLS, err)
}
