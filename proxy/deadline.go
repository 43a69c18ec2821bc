package proxy

import (
	"net"
	"time"
)

var noDeadline time.Time

// deadlineAfter returns the moment a limit from now; no limit, no deadline.
func deadlineAfter(limit time.Duration) time.Time {
	if limit <= 0 {
		return noDeadline
	}
	return time.Now().Add(limit)
}

func writeBy(conn net.Conn, b []byte, deadline time.Time) error {
	if err := conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(b); err != nil {
		return err
	}
	return conn.SetWriteDeadline(noDeadline)
}
