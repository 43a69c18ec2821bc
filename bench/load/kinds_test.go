package load

import (
	"maps"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kinds are jobs of every kind, small.
func kinds() map[string]Job {
	return map[string]Job{
		"sessions": {Kind: Sessions, Connections: 2, Message: 64},
		"exchange": {Kind: Exchange, Connections: 3, Message: 1000},
		"paced":    {Kind: Exchange, Connections: 3, Message: 10, Pace: time.Millisecond},
		"down":     {Kind: Down, Connections: 2, Message: 300_000},
		"up":       {Kind: Up, Connections: 2, Message: 300_000},
		"idle":     {Kind: Idle, Connections: 40, Message: 16 << 10, Spread: 4},
		"burst":    {Kind: Idle, Connections: 40, Message: 100, AtOnce: true},
		"slow":     {Kind: Slow, Connections: 2, Message: 100_000, Beside: 5},
	}
}

func TestEveryKindDoesItsWork(t *testing.T) {
	t.Parallel()
	for name, job := range kinds() {
		t.Run(name+", plaintext", func(t *testing.T) {
			t.Parallel()
			s, job := serve(t, nil, nil), job
			job.Address, job.Duration = s.address, 60*time.Millisecond
			checkWork(t, s, job)
		})
		t.Run(name+", TLS", func(t *testing.T) {
			t.Parallel()
			s, security := secureServer(t, nil)
			job := job
			job.Address, job.Security, job.Duration = s.address, security, 60*time.Millisecond
			result := checkWork(t, s, job)
			want := []string{"TLS 1.3 TLS_AES_128_GCM_SHA256 X25519 ECDSA resumed=false"}
			if diff := cmp.Diff(want, slices.Collect(maps.Keys(result.Seen))); diff != "" {
				t.Errorf("agreed on (-want +got):\n%s", diff)
			}
		})
	}
}

func checkWork(t *testing.T, s *server, job Job) Result {
	t.Helper()
	result, err := carriedOut(t, job)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{}, result.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if result.Units <= 0 {
		t.Error("nothing was done")
	}
	switch job.Kind {
	case Idle:
		if result.Units != float64(job.Connections) {
			t.Errorf("%v connections held, want %d", result.Units, job.Connections)
		}
	case Down, Up, Slow:
		if rest := math.Mod(result.Units, float64(job.Message)); rest != 0 {
			t.Errorf("%v bytes are no whole transfers of %d", result.Units, job.Message)
		}
	default:
		if result.Latencies.P50 <= 0 || result.Latencies.Max < result.Latencies.P999 {
			t.Errorf("latencies %+v", result.Latencies)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff([]string(nil), s.complaints); diff != "" {
		t.Errorf("the server complains (-want +got):\n%s", diff)
	}
	return result
}

func TestFlood(t *testing.T) {
	t.Parallel()
	job := Job{Kind: Flood, Connections: 2, Message: 10, Pace: time.Millisecond, Duration: 100 * time.Millisecond}
	t.Run("with none", func(t *testing.T) {
		t.Parallel()
		s, security := secureServer(t, nil)
		job := job
		job.Address, job.Security = s.address, security
		if result := checkWork(t, s, job); result.Flood != 0 {
			t.Errorf("%v handshakes begun a second, want none", result.Flood)
		}
	})
	t.Run("with handshakes", func(t *testing.T) {
		t.Parallel()
		s, security := secureServer(t, nil)
		job := job
		job.Address, job.Security, job.Beside = s.address, security, 4
		var result Result
		for result.Flood == 0 && job.Duration < time.Minute { // a busy machine may be slow to answer the first
			result = checkWork(t, s, job)
			job.Duration *= 4
		}
		if result.Flood == 0 {
			t.Error("no handshake was begun")
		}
	})
	t.Run("plaintext", func(t *testing.T) {
		t.Parallel()
		job := job
		job.Address = serve(t, nil, nil).address
		if _, err := carriedOut(t, job); err == nil || err.Error() != "a flood of handshakes needs TLS" {
			t.Errorf("got %v", err)
		}
	})
}

// flipped turns a bit of a byte at some place of what is written or read.
type flipped struct {
	net.Conn
	reading, writing int // places; negative: none
}

func (f *flipped) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	flip(b[:n], &f.reading)
	return n, err
}

func (f *flipped) Write(b []byte) (int, error) {
	b = slices.Clone(b)
	flip(b, &f.writing)
	return f.Conn.Write(b)
}

func flip(b []byte, at *int) {
	if *at >= 0 && *at < len(b) {
		b[*at] ^= 1
	}
	*at -= len(b)
}

func TestWrongBytesAreNoticed(t *testing.T) {
	t.Parallel()
	const order = 9
	tests := map[string]struct {
		job              Job
		reading, writing int
		failure          string // or error
		complaint        string
	}{
		"a session's echo":    {job: Job{Kind: Sessions, Connections: 1, Message: 64}, reading: -1, writing: 63, failure: "wrong bytes came back"},
		"an exchange's echo":  {job: Job{Kind: Exchange, Connections: 1, Message: 100}, reading: -1, writing: 250, failure: "wrong bytes came back"},
		"an idle one's echo":  {job: Job{Kind: Idle, Connections: 1, Message: 100}, reading: -1, writing: 7, failure: "1 of 1 connections: wrong bytes came back"},
		"a byte sent down":    {job: Job{Kind: Down, Connections: 1, Message: 100_000}, reading: -1, writing: 99_999, failure: "download: wrong bytes between"},
		"a byte sent up":      {job: Job{Kind: Up, Connections: 1, Message: 100_000}, reading: order + 70_000, writing: -1, complaint: "upload: wrong bytes between"},
		"a receipt":           {job: Job{Kind: Up, Connections: 1, Message: 100_000}, reading: -1, writing: 7, failure: "receipt for 100001 bytes, not 100000"},
		"a slow one's":        {job: Job{Kind: Slow, Connections: 1, Message: 10, Beside: 1}, reading: -1, writing: 12, failure: "wrong bytes came slowly"},
		"an order of no kind": {job: Job{Kind: Up, Connections: 1, Message: 10}, reading: 0, writing: -1, complaint: `order of unknown kind 't'`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil, func(conn net.Conn) net.Conn { return &flipped{conn, test.reading, test.writing} })
			test.job.Address, test.job.Duration = s.address, 50*time.Millisecond
			result, err := carriedOut(t, test.job)
			text := strings.Join(slices.Collect(maps.Keys(result.Failures)), "; ")
			if err != nil {
				text = err.Error()
			}
			if text == "" || !strings.Contains(text, test.failure) {
				t.Errorf("failures %q, want %q", text, test.failure)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if complaints := strings.Join(s.complaints, "; "); !strings.Contains(complaints, test.complaint) {
				t.Errorf("the server complains %q, want %q", complaints, test.complaint)
			}
		})
	}
}

// fading is a connection that ends with the first of its echoes.
type fading struct{ net.Conn }

func (f fading) Write(b []byte) (int, error) {
	n, err := f.Conn.Write(b)
	f.Conn.Close()
	return n, err
}

func TestIdleConnectionThatEndsIsAFailure(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, func(conn net.Conn) net.Conn { return fading{conn} })
	result, err := carriedOut(t, Job{Kind: Idle, Address: s.address, Connections: 3, Message: 10, Duration: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"while idle: EOF": 3}, result.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if result.Units != 0 {
		t.Errorf("%v connections held, want none", result.Units)
	}
}

func TestStrangersAreOnlyToldWhatTheJobSays(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Down, Up, Slow, Flood} {
		_, err := Job{Kind: kind, Address: "127.0.0.1:1", Plain: true}.task(newTally())
		if err == nil || !strings.Contains(err.Error(), "needs the bench's own server") {
			t.Errorf("%s: got %v", kind, err)
		}
	}
}
