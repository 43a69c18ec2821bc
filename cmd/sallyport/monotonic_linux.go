package main

import "golang.org/x/sys/unix"

// monotonicMicroseconds returns the time on the clock that systemd compares with.
func monotonicMicroseconds() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano() / 1000
}
