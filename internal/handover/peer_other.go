//go:build !linux && !darwin && !freebsd

package handover

import (
	"errors"
	"net"
)

// peerUser cannot tell here.
func peerUser(*net.UnixConn) (int, error) { return 0, errors.ErrUnsupported }
