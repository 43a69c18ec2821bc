package proxy

import (
	"bytes"
	"io"
	"net"
	"testing"

	"sallyport/policy"
)

// TestEarlyAnswer: a server answers an upload before it has read it, and closes, which resets the connection.
// What it had sent until then arrives whole, even if the client reads slowly.
func TestEarlyAnswer(t *testing.T) {
	answer := noise(7, 2<<20)
	for _, polite := range []bool{false, true} {
		t.Run(map[bool]string{false: "server just closes", true: "server says goodbye first"}[polite], func(t *testing.T) {
			through(t, tcpWays, func(t *testing.T, r *rig) (serve, client func(net.Conn)) {
				serve = func(conn net.Conn) {
					io.ReadFull(conn, make([]byte, 1000))
					conn.Write(answer)
					if polite {
						halfClose(conn)
					}
					s := newSocket(bareSocket(conn))
					eventually(t, "the answer is on the other side", func() bool {
						inFlight, _ := s.unacknowledged(0)
						return !inFlight
					})
					bareSocket(conn).Close()
				}
				client = func(conn net.Conn) {
					uploaded := make(chan struct{})
					go func() {
						defer close(uploaded)
						for {
							if _, err := conn.Write(make([]byte, 32<<10)); err != nil {
								return
							}
						}
					}()
					var got bytes.Buffer
					_, err := io.Copy(&got, &slowly{conn})
					if !bytes.Equal(got.Bytes(), answer) {
						t.Errorf("%d bytes of %d arrived, then %v", got.Len(), len(answer), err)
					}
					<-uploaded
					r.wantRecord(KeyBytesOut, len(answer), KeyCloseReason, policy.Reset, KeyClosedBy, Upstream)
				}
				return serve, client
			})
		})
	}
}

// slowly is a reader that takes little and rests.
type slowly struct{ io.Reader }

func (s *slowly) Read(b []byte) (int, error) {
	pause()
	return s.Reader.Read(b[:min(len(b), 8<<10)])
}
