//go:build !linux

package listener

import "syscall"

// spare does nothing here: without a descriptor, waiting clients stay in the kernel's queue.
type spare struct{}

func newSpare() *spare { return &spare{} }

func (*spare) arm()                              {}
func (*spare) refuseWaiting(syscall.RawConn) int { return 0 }
func (*spare) close()                            {}
