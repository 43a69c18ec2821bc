package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"sallyport/policy"
)

var errUntrusted = errors.New("the sender is not in proxy_trusted")

// Origin tells who connects, by the PROXY header where the port demands one.
//
// It blocks until the header is complete, at most for HeaderTimeout. The returned
// connection replaces conn, begins with the first byte behind the header and has no
// read deadline. Without ProxyProtocol nothing is read and the addresses are the
// socket's.
//
// Errors are [*policy.Refusal] with the reasons HeaderUntrusted (before a single byte
// is read), HeaderTimeout, HeaderMissing and HeaderInvalid; conn is the caller's to close.
func (f *Front) Origin(conn net.Conn) (net.Conn, Origin, error) {
	origin := socketOrigin(conn)
	if !f.ProxyProtocol {
		return conn, origin, nil
	}
	if !f.trusts(conn) {
		return nil, origin, policy.Refuse(policy.HeaderUntrusted, errUntrusted)
	}
	timeout := orDefault(f.HeaderTimeout, DefaultHeaderTimeout)
	if err := conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, origin, policy.Refuse(policy.HeaderMissing, err)
	}
	defer conn.SetReadDeadline(time.Time{}) // fails only on a closed connection, which the next read reports

	first := look(conn)
	header, err := readHeader(first)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = policy.Refuse(policy.HeaderTimeout, fmt.Errorf("%d bytes within %s", len(first.seen), timeout))
	}
	if err != nil {
		return nil, origin, err
	}
	if origin, err = after(origin, header); err != nil {
		return nil, origin, err
	}
	return first.rest(len(header)), origin, nil
}

// after returns the origin that a complete header leaves of the socket's.
func after(o Origin, header []byte) (Origin, error) {
	named, err := parseHeader(header)
	if err != nil {
		return o, policy.Refuse(policy.HeaderInvalid, err)
	}
	o.Header, o.Local = true, named == nil
	if named != nil {
		o.Source, o.Destination = named.source, named.destination
	}
	return o, nil
}

// readHeader returns the header at the start of the connection. What follows it may have
// been read too and stays in first.
func readHeader(first *glance) ([]byte, error) {
	for {
		n, err := measureHeader(first.seen)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return first.seen[:n], nil
		}
		err = first.more()
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, err
		case len(first.seen) == 0:
			return nil, policy.Refuse(policy.HeaderMissing, err)
		default:
			return nil, policy.Refuse(policy.HeaderInvalid, truncated(err))
		}
	}
}

// truncated names the end of a connection in the middle of a header.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
