package certs

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFile waits for the exclusive lock of a file. The system releases it when the file is closed, so
// also when the process dies.
func lockFile(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
}
