//go:build !linux

package load

import "syscall"

// bindLate does nothing: only Linux has the option.
func bindLate(syscall.RawConn) error { return nil }

// narrow leaves the socket as it is: there is more room for what is not read, nothing else.
func narrow(syscall.RawConn) error { return nil }
