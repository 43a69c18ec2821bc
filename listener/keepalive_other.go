//go:build !linux

package listener

import (
	"syscall"
	"time"
)

// acceptedInherit is false where it is not certain: the options are set on every accepted socket.
const acceptedInherit = false

func tune(syscall.RawConn, time.Duration) error { return nil }
