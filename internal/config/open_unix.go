//go:build unix

package config

import "syscall"

// withoutBlocking lets a FIFO be opened that took a file's place at the wrong moment.
const withoutBlocking = syscall.O_NONBLOCK
