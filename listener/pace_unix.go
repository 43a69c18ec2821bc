//go:build unix

package listener

import (
	"errors"
	"slices"
	"syscall"
)

// concernsConnection reports whether an error of accept belongs to the connection that was to be accepted.
// Linux passes pending network errors of the new socket, and a firewall's refusal, as errors of
// accept (accept(2)).
func concernsConnection(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPERM, syscall.EPROTO,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH,
		syscall.ENOPROTOOPT, syscall.EOPNOTSUPP, syscall.ETIMEDOUT,
	}, errno)
}

func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
