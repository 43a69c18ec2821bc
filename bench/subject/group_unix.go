//go:build unix

package subject

import "syscall"

// ownGroup puts a subject and its workers into a process group of their own, so that all of them can be ended.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }
