//go:build !linux

package upstream

import "syscall"

// choosePortLate does nothing: bind chooses address and port.
func choosePortLate(syscall.RawConn) {}
