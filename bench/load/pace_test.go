package load

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/bench/backend"
)

// stalling echoes, and takes its time for some of the answers.
type stalling struct {
	net.Conn // nil: nobody calls the others
	stalls   []time.Duration
	pending  []byte
}

func (s *stalling) Write(b []byte) (int, error) {
	s.pending = append(s.pending, b...)
	return len(b), nil
}

func (s *stalling) Read(b []byte) (int, error) {
	if len(s.stalls) > 0 {
		time.Sleep(s.stalls[0])
		s.stalls = s.stalls[1:]
	}
	n := copy(b, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// A server that stalls once makes all messages late that were due in the meantime, and each of them counts.
func TestPacedLatenciesCountFromWhenMessagesWereDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		talk := &talk{conn: &stalling{stalls: []time.Duration{0, 35 * ms}}, size: 4}
		start := time.Now()
		if err := talk.paced(start, start.Add(60*ms), 10*ms); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]time.Duration{0, 35 * ms, 25 * ms, 15 * ms, 5 * ms, 0}, talk.took); diff != "" {
			t.Errorf("latencies (-want +got):\n%s", diff)
		}
	})
}

// patterned sends the pattern for ever, and notes when it was read.
type patterned struct {
	net.Conn // nil: nobody calls the others
	at       int64
	reads    []time.Duration
	start    time.Time
}

func (p *patterned) Read(b []byte) (int, error) {
	n := copy(b, backend.Piece(p.at, len(b)))
	p.at += int64(n)
	p.reads = append(p.reads, time.Since(p.start))
	return n, nil
}

func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		conn := &patterned{start: time.Now()}
		if err := trickle(ctx, conn, 300*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{300 * time.Millisecond, 1300 * time.Millisecond, 2300 * time.Millisecond}
		if diff := cmp.Diff(want, conn.reads); diff != "" || conn.at != 3<<10 {
			t.Errorf("%d bytes read; reads (-want +got):\n%s", conn.at, diff)
		}
	})
}
