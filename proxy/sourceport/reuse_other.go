//go:build !unix

package sourceport

import "syscall"

// reuse does nothing: on Windows the option of that name lets a socket steal a port that another one listens on.
func reuse(syscall.RawConn) error { return nil }
