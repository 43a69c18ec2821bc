//go:build !linux

package load

import "syscall"

// bindLate does nothing: only Linux has the option.
func bindLate(syscall.RawConn) error { return nil }
