package sourceport

import "golang.org/x/sys/windows"

// What the system has against a source port, and what it says where nobody listens. Package syscall has numbers of its
// own for the POSIX names, which no system call returns.
const (
	errnoInUse        = windows.WSAEADDRINUSE
	errnoNotAvailable = windows.WSAEADDRNOTAVAIL
	errnoAccess       = windows.WSAEACCES
	errnoRefused      = windows.WSAECONNREFUSED
)
