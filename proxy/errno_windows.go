package proxy

import "golang.org/x/sys/windows"

// How the system says what became of a connection. Package syscall has numbers of its own for the
// POSIX names, which no system call returns.
const (
	errnoReset       = windows.WSAECONNRESET
	errnoPipe        = windows.WSAECONNABORTED
	errnoNotConn     = windows.WSAENOTCONN
	errnoTimedOut    = windows.WSAETIMEDOUT
	errnoHostUnreach = windows.WSAEHOSTUNREACH
	errnoNetUnreach  = windows.WSAENETUNREACH
)
