// Package meter reads what a process and its children have used.
package meter

import "time"

// Reading is what a process tree has used so far, or uses now.
type Reading struct {
	At     time.Time
	CPU    time.Duration // user and system, of all processes of the tree, in the resolution of the scheduler
	Memory Memory
}

// Memory is in bytes.
type Memory struct {
	Pss  int64 // proportional set size: shared pages are divided among those that share them
	RSS  int64 // resident set
	Peak int64 // the largest resident set so far; the sum of the processes' own peaks
}

// Tree is a process with its children, found anew at every reading: workers may come and go.
type Tree struct{ PID int }
