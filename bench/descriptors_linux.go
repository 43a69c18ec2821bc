package main

import "syscall"

// raiseDescriptors lets this process and its children open as many files as the largest workload needs, or as many as
// the system allows, and returns how many that is.
func raiseDescriptors() int {
	const wanted = 100_000
	var now syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now) != nil {
		return 1024
	}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: max(now.Max, wanted), Max: max(now.Max, wanted)}) == nil {
		return int(max(now.Max, wanted)) // we were allowed to
	}
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: now.Max, Max: now.Max})
	return int(now.Max)
}
