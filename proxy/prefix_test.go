package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"sallyport/policy"
)

// readAhead is a connection of which something was read already.
type readAhead struct {
	net.Conn
	prefix []byte
}

func (r *readAhead) Prefix() []byte    { return r.prefix }
func (r *readAhead) NetConn() net.Conn { return r.Conn }

// lookingAt is the way in of a port that reads n bytes to find out what the client speaks.
func lookingAt(n int, isTLS bool) Front {
	return testFront{detect: func(conn net.Conn) (net.Conn, bool, error) {
		seen := make([]byte, n)
		if _, err := io.ReadFull(conn, seen); err != nil {
			return nil, false, policy.Refuse(policy.DetectClosed, err)
		}
		return &readAhead{conn, seen}, isTLS, nil
	}}
}

func TestPrefixOfPlaintext(t *testing.T) {
	text := noise(1, 1<<20)
	for _, n := range []int{1, 100, chunkSize - 1, chunkSize, chunkSize + 1, 5*chunkSize + 7, len(text)} {
		for _, upstream := range []string{"tcp", "tls"} {
			t.Run(fmt.Sprint(n, " bytes to ", upstream), func(t *testing.T) {
				serve := func(conn net.Conn) {
					wantAll(t, conn, text)
					sendAll(t, conn, text)
				}
				r := newRig(t, serve)
				if upstream == "tls" {
					r.serveTLS(serve)
				}
				r.port.Mode, r.port.Front = AutoDetect, lookingAt(n, false)
				r.start()
				conn := r.dial()
				sendAll(t, conn, text)
				wantAll(t, conn, text)
				r.wantRecord(KeyMode, "plaintext", KeyBytesIn, len(text), KeyBytesOut, len(text))
			})
		}
	}
}

func TestPrefixOfTLS(t *testing.T) {
	text := noise(1, 1<<20)
	for _, n := range []int{1, 4, 5, 11, 200} {
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				r := newRig(t, func(conn net.Conn) {
					wantAll(t, conn, text)
					sendAll(t, conn, text)
				}).secure(version)
				r.port.Mode, r.port.Front = AutoDetect, lookingAt(n, true)
				r.start()
				conn := r.dialTLS(nil)
				sendAll(t, conn, text)
				wantAll(t, conn, text)
				r.wantRecord(KeyMode, "tls", KeyBytesIn, len(text), KeyBytesOut, len(text))
			})
		})
	}
}

// TestPrefixOfHeader: what the PROXY header's reader read too much goes to the detection and on from there.
func TestPrefixOfHeader(t *testing.T) {
	r := newRig(t, echo).secure(0)
	r.port.Front = testFront{origin: func(conn net.Conn) (net.Conn, policy.Origin, error) {
		seen := make([]byte, len("HEADER\n")+50)
		io.ReadFull(conn, seen)
		rest, found := bytes.CutPrefix(seen, []byte("HEADER\n"))
		if !found {
			return nil, policy.Origin{}, policy.Refuse(policy.HeaderInvalid, nil)
		}
		return &readAhead{conn, rest}, policy.Origin{}, nil
	}}
	r.start()
	raw := r.dial()
	raw.Write([]byte("HEADER\n"))
	conn := r.overTLS(raw, nil)
	sendAll(t, conn, []byte("hello"))
	wantAll(t, conn, []byte("hello"))
	r.wantRecord(KeySource, "unix", KeyVerdict, "allow")
}
