package upstream

import (
	"context"
	"errors"
	"net"
	"time"

	"sallyport/proxy/sourceport"
)

// Dialer connects to endpoints. Safe for concurrent use.
type Dialer struct {
	Net      *net.Dialer // how sockets are set up
	Resolver *Resolver
	Ports    *sourceport.Pool
}

// Dial connects to one address of an endpoint, within a time that begins once there is a source port. Names are resolved
// now; addresses are tried one after the other, never at the same time, so that pinned source ports cannot collide.
// Errors are [*policy.Refusal].
func (d *Dialer) Dial(ctx context.Context, e *Endpoint, purpose Purpose, within time.Duration) (*Conn, error) {
	return nil, errors.ErrUnsupported
}

// Check asks an endpoint whether it is well. See [Checker].
func (d *Dialer) Check(ctx context.Context, e *Endpoint, h *Health) error {
	return errors.ErrUnsupported
}
