package upstream

import "golang.org/x/sys/windows"

// How the system says what became of a connection. Package syscall has numbers of its own for the
// POSIX names, which no system call returns.
const (
	errnoRefused      = windows.WSAECONNREFUSED
	errnoTimedOut     = windows.WSAETIMEDOUT
	errnoAddrNotAvail = windows.WSAEADDRNOTAVAIL
)
