//go:build !unix

package listener

import (
	"errors"
	"syscall"
)

func concernsConnection(err error) bool {
	return errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.ECONNRESET)
}

func outOfDescriptors(error) bool { return false }
