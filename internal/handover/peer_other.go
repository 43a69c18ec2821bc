//go:build !linux && !darwin && !freebsd

package handover

import (
	"errors"
	"net"
)

// Supported tells whether sockets can be handed over here.
const Supported = false

// peerUser cannot tell here.
func peerUser(*net.UnixConn) (int, error) { return 0, errors.ErrUnsupported }
