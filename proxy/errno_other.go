//go:build !windows

package proxy

import "syscall"

// How the system says what became of a connection.
const (
	errnoReset       = syscall.ECONNRESET
	errnoPipe        = syscall.EPIPE // written to after a reset, or after we ended our stream
	errnoNotConn     = syscall.ENOTCONN
	errnoTimedOut    = syscall.ETIMEDOUT
	errnoHostUnreach = syscall.EHOSTUNREACH
	errnoNetUnreach  = syscall.ENETUNREACH
)
