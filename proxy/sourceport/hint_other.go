//go:build !linux

package sourceport

// Where a person looks, and what he changes, on this system.
const (
	hintTaken      = "\"netstat -an\" shows what has port %d; keep declared ports out of the range that the system gives to outgoing connections"
	hintInUse      = "\"netstat -an\" shows what port %d is connected to"
	hintAbsent     = "the system's list of interfaces shows what there is"
	hintPrivileged = "run with the privilege to bind them"
	hintForbidden  = "the system reserves it, or a security program forbids it"
)
