//go:build !windows

package sourceport

import "syscall"

// What the system has against a source port, and what it says where nobody listens.
const (
	errnoInUse        = syscall.EADDRINUSE
	errnoNotAvailable = syscall.EADDRNOTAVAIL
	errnoAccess       = syscall.EACCES
	errnoRefused      = syscall.ECONNREFUSED
)
