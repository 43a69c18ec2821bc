//go:build !linux

package listener

import (
	"errors"
	"net"
	"syscall"
)

// canShare is false where it is not certain what two overlapping sockets do.
const canShare = false

func shareAddress(syscall.RawConn, bool)  {}
func bindTCP(reach) (net.Listener, error) { return nil, errors.ErrUnsupported }
func listenNow(syscall.RawConn) error     { return errors.ErrUnsupported }
func divert(syscall.RawConn) bool         { return false }
func forgetSharing(uint16)                {}
