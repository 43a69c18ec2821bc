//go:build !unix

package main

// descriptorLimit returns how many sockets the process is trusted with where the system
// sets no limit.
func descriptorLimit() int { return 1 << 16 }
