package listener

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sallyport/policy"
)

// script is a connection that returns one piece a read, then EOF.
type script struct {
	net.Conn
	pieces [][]byte
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.pieces[0])
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

func (*script) SetReadDeadline(time.Time) error { return nil }
func (*script) LocalAddr() net.Addr             { return &net.UnixAddr{Net: "unix"} }
func (*script) RemoteAddr() net.Addr            { return &net.UnixAddr{Net: "unix"} }

// FuzzHeader: nothing panics; what follows the header is kept byte for byte; the result does not depend on
// how the input is cut; and an accepted header that names somebody names a valid address.
func FuzzHeader(f *testing.F) {
	for _, v := range append(v1Vectors(), v2Vectors()...) {
		f.Add([]byte(v.header), []byte("behind"), uint8(3))
	}
	front := &Front{ProxyProtocol: true}
	f.Fuzz(func(t *testing.T, header, behind []byte, size uint8) {
		input := append(bytes.Clone(header), behind...)
		whole, wholeRest, wholeErr := readAll(t, front, input, len(input)+1)
		cut, cutRest, cutErr := readAll(t, front, input, int(size)+1)
		if whole != cut || !bytes.Equal(wholeRest, cutRest) || policy.ReasonOf(wholeErr, "") != policy.ReasonOf(cutErr, "") {
			t.Fatalf("whole: %+v %q %v\ncut in %d: %+v %q %v", whole, wholeRest, wholeErr, size+1, cut, cutRest, cutErr)
		}
		if wholeErr != nil {
			return
		}
		if !bytes.HasSuffix(input, wholeRest) {
			t.Fatalf("rest %q is no end of the input %q", wholeRest, input)
		}
		used := input[:len(input)-len(wholeRest)]
		if n, err := measureHeader(used); n != len(used) || err != nil {
			t.Fatalf("%d bytes were taken, the header has %d (%v)", len(used), n, err)
		}
		named := whole.Source.IsValid() && whole.Destination.IsValid()
		if !whole.Local && !named && used[13] != 0x31 {
			t.Fatalf("%q names nobody: %+v", used, whole)
		}
		if a := whole.Source.Addr(); a != a.Unmap() || whole.Source == (netip.AddrPort{}) && named {
			t.Fatalf("source %v is not unmapped", whole.Source)
		}
	})
}

// readAll reads the header of input, cut in pieces, and everything behind it.
func readAll(t *testing.T, front *Front, input []byte, size int) (Origin, []byte, error) {
	t.Helper()
	conn := &script{}
	for part := range chunks(input, size) {
		conn.pieces = append(conn.pieces, part)
	}
	session, from, err := front.Origin(conn)
	if err != nil {
		return Origin{}, nil, err
	}
	rest, err := io.ReadAll(session)
	if err != nil {
		t.Fatalf("read behind the header: %v", err)
	}
	return from, rest, nil
}
