//go:build unix

package certs

import (
	"os"
	"syscall"
)

// lockFile waits for the exclusive lock of a file. The system releases it when the file is closed, so
// also when the process dies.
func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return err
		}
	}
}
