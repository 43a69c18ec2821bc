//go:build unix

package subject

import "syscall"

// ownGroup puts a subject and its workers into a process group of their own, so that all of them can be ended, and only by us: a Ctrl-C
// on the terminal does not reach them.
func ownGroup() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	endWithParent(attr)
	return attr
}

func killGroup(pid int) { syscall.Kill(-pid, syscall.SIGKILL) }

// hangUp sends what all of the proxies take for the wish to read their configuration again.
func hangUp(pid int) error { return syscall.Kill(pid, syscall.SIGHUP) }
