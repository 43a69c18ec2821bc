package proxy

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// TestStride: large steps are for directions that go on filling chunks.
func TestStride(t *testing.T) {
	const full, part = chunkSize, chunkSize - 1
	steps := []struct {
		name  string
		n     int
		times int
		next  int // then
	}{
		{"the first", full, 1, chunkSize},
		{"not yet enough", full, largeAfter - 2, chunkSize},
		{"enough", full, 1, largeSize},
		{"many", full, 1000, largeSize},
		{"a pause", part, 2, largeSize},
		{"pauses", part, 1, chunkSize},
		{"full again", full, largeAfter, largeSize},
		{"messages", 100, 20, chunkSize},
		{"from the beginning", full, largeAfter - 1, chunkSize},
	}
	var s stride
	for _, step := range steps {
		for range step.times {
			s.took(step.n)
		}
		if diff := cmp.Diff(step.next, s.next()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestLargeBuffersAreFew, whatever is asked for, and those that come back are lent again.
func TestLargeBuffersAreFew(t *testing.T) {
	kinds := map[string]func(int) *chunk{"chunks": takeChunk, "for encryption": takeSealed}
	for name, take := range kinds {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				var lent []*chunk
				large := 0
				for range 2 * mostLarge {
					c := take(largeSize)
					if len(c.data) >= largeSize {
						large++
					}
					lent = append(lent, c)
				}
				if large != mostLarge {
					t.Errorf("%d are large, want %d", large, mostLarge)
				}
				for _, c := range lent {
					c.giveBack()
				}
			}
			c := take(chunkSize)
			defer c.giveBack()
			if len(c.data) >= largeSize {
				t.Error("a large one for a small step")
			}
		})
	}
}

// TestLargeBuffersOutliveSessions: a session that ends with encrypted bytes that nobody has looked at gives their buffer back,
// or a few bad clients could take the large ones from everybody.
func TestLargeBuffersOutliveSessions(t *testing.T) {
	for range mostLarge + 1 {
		client, clientPeer := net.Pipe()
		upstream, upstreamPeer := net.Pipe()
		defer clientPeer.Close()
		defer upstreamPeer.Close()
		w := newWire(client, nil, noDeadline)
		w.in, w.end = takeChunk(largeSize), recordHeader-1
		if len(w.in.data) < largeSize {
			t.Fatal("no large buffer is left")
		}
		r := newRelay(tlsEnd(Client, w, tls.Server(w, nil)), plainEnd(Upstream, upstream), nil, nil)
		r.close(t.Context(), ending{side: Client, reason: policy.ProtocolError}, nil)
	}
}

// TestLargeSteps: they pass on what they are given, in one write as far as there are buffers for it.
func TestLargeSteps(t *testing.T) {
	for name, scarce := range map[string]bool{"plenty": false, "none left for encryption": true} {
		t.Run(name, func(t *testing.T) {
			if scarce {
				for range mostLarge {
					defer takeSealed(largeSize).giveBack()
				}
			}
			eachVersion(t, func(t *testing.T, version uint16) {
				p := newPair(t, version)
				want := noise(1, largeSize)
				got := make([]byte, len(want))
				read := make(chan error, 1)
				go func() {
					_, err := io.ReadFull(p.client, got)
					read <- err
				}()
				c := takeChunk(len(want))
				n := copy(c.data, want)
				if err := p.send(c, n); err != nil {
					t.Fatal(err)
				}
				if err := <-read; err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v, or damaged", err)
				}
				if one := p.feed.writes == 1; one == scarce {
					t.Errorf("%d writes", p.feed.writes)
				}
			})
		})
	}
}

// TestLargeReceive: what has come in a large step is received whole, also into small chunks.
func TestLargeReceive(t *testing.T) {
	for name, scarce := range map[string]bool{"plenty": false, "none left": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, tls.VersionTLS13)
			want := noise(2, 30*recordSize)
			var records []byte
			for rest := want; len(rest) > 0; rest = rest[recordSize:] {
				records = append(records, p.record(rest[:recordSize])...)
			}
			p.wire.in, p.wire.at = takeChunk(largeSize), 0
			p.wire.end = copy(p.wire.in.data, records)
			if scarce {
				for range mostLarge {
					defer takeChunk(largeSize).giveBack()
				}
			}
			p.feed.give(p.seal(21, closeNotify))
			p.wantRest(want, io.EOF)
		})
	}
}
