//go:build !windows

package upstream

import "syscall"

// How the system says what became of a connection.
const (
	errnoRefused      = syscall.ECONNREFUSED
	errnoTimedOut     = syscall.ETIMEDOUT
	errnoAddrNotAvail = syscall.EADDRNOTAVAIL
)
