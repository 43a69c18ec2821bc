//go:build !linux

package main

// monotonicMicroseconds is only of use to systemd.
func monotonicMicroseconds() int64 { return 0 }
