package listener

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"sallyport/policy"
)

// Detect decides whether the client speaks TLS.
//
// It blocks until the first bytes decide, at most for DetectTimeout. The returned
// connection replaces conn, holds every byte that was sent and has no read deadline;
// it is bare when nothing was read. Without AutoDetect nothing is read and the answer
// is false.
//
// A client that sends nothing in time goes the way of SilentClient. One that stops in the
// middle of what could still become a hello is broken, not plaintext; one that closes there,
// or without a byte, has merely closed. Errors are [*policy.Refusal] with the reasons
// DetectClosed, DetectBroken, DetectSSLv2 and SilentClient; conn is the caller's to close.
func (f *Front) Detect(conn net.Conn) (_ net.Conn, isTLS bool, err error) {
	if !f.AutoDetect {
		return conn, false, nil
	}
	first := look(conn)
	for wait := false; ; {
		switch Classify(first.seen) {
		case TLS:
			return first.rest(0), true, nil
		case Plaintext:
			return first.rest(0), false, nil
		case Broken:
			return nil, false, policy.Refuse(policy.DetectBroken, fmt.Errorf("no ClientHello: %s", excerpt(first.seen)))
		case SSLv2:
			return nil, false, policy.Refuse(policy.DetectSSLv2, fmt.Errorf("SSLv2-style hello: %s", excerpt(first.seen)))
		}
		if !wait {
			wait = true
			if err := conn.SetReadDeadline(time.Now().Add(orDefault(f.DetectTimeout, DefaultDetectTimeout))); err != nil {
				return nil, false, policy.Refuse(policy.DetectClosed, err)
			}
			defer conn.SetReadDeadline(time.Time{}) // fails only on a closed connection, which the next read reports
		}
		if err := first.more(); err != nil {
			return f.undecided(first, err)
		}
	}
}

// undecided ends a detection in which no more bytes come.
func (f *Front) undecided(first *glance, err error) (net.Conn, bool, error) {
	sent := len(first.seen)
	switch silent := errors.Is(err, os.ErrDeadlineExceeded); {
	case !silent && sent > 0:
		return nil, false, policy.Refuse(policy.DetectClosed, fmt.Errorf("after %s: %w", excerpt(first.seen), err))
	case !silent:
		return nil, false, policy.Refuse(policy.DetectClosed, err)
	case sent > 0:
		return nil, false, policy.Refuse(policy.DetectBroken, fmt.Errorf("nothing followed %s within %s",
			excerpt(first.seen), orDefault(f.DetectTimeout, DefaultDetectTimeout)))
	case f.SilentClient == SilentRefuse:
		return nil, false, policy.Refuse(policy.SilentClient, fmt.Errorf("nothing arrived within %s",
			orDefault(f.DetectTimeout, DefaultDetectTimeout)))
	default:
		return first.rest(0), false, nil
	}
}

// excerpt shows a stranger's first bytes in hexadecimal, cut to what detection looks at.
func excerpt(b []byte) string {
	const most = recordHeaderLen + helloLookLen
	if len(b) > most {
		return fmt.Sprintf("% x…", b[:most])
	}
	return fmt.Sprintf("% x", b)
}
