//go:build !unix

package proxy

// canAttempt is false where a raw connection cannot try to read without waiting.
const canAttempt = false

func (s *socket) readOnce(uintptr) bool { return true }
