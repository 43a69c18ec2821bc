//go:build !unix

package load

import "syscall"

// reuse does nothing: where it is no option, SO_REUSEADDR would mean something else.
func reuse(syscall.RawConn) error { return nil }
