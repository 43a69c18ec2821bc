//go:build !unix

package handover

import (
	"errors"
	"net"
	"os"
)

func readWithFiles(*net.UnixConn, []byte) (int, []*os.File, error) {
	return 0, nil, errors.ErrUnsupported
}

func writeWithFiles(*net.UnixConn, []byte, []*os.File) error { return errors.ErrUnsupported }
