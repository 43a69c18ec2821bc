package listener

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/policy"
)

// detected is what came of a connection.
type detected struct {
	tls    bool
	reason policy.Reason // empty: let through
	after  time.Duration
	rest   []byte // what the session reads
}

// detect lets a client act on one end of a pipe, and reads what the session sees on the other.
func detect(t *testing.T, front *Front, client func(net.Conn)) detected {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		client(far)
		far.Close()
	}()
	defer func() { near.Close(); <-done }()

	start := time.Now()
	conn, isTLS, err := front.Detect(near)
	got := detected{tls: isTLS, after: time.Since(start)}
	if err != nil {
		refusal, ok := errors.AsType[*policy.Refusal](err)
		if !ok || refusal.Err == nil || conn != nil {
			t.Errorf("Detect = %v, %v, want no connection and a refusal with its cause", conn, err)
		}
		got.reason = policy.ReasonOf(err, "no refusal")
		return got
	}
	if got.rest, err = io.ReadAll(conn); err != nil {
		t.Errorf("read after Detect: %v", err)
	}
	return got
}

// pieces sends b in pieces of n bytes, a moment apart.
func pieces(b []byte, n int) func(net.Conn) {
	return func(c net.Conn) {
		for part := range chunks(b, n) {
			if _, err := c.Write(part); err != nil {
				return
			}
			time.Sleep(time.Microsecond)
		}
	}
}

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			m := min(n, len(b))
			if !yield(b[:m]) {
				return
			}
			b = b[m:]
		}
	}
}

// thenSilence sends b and nothing more for an hour.
func thenSilence(b []byte) func(net.Conn) {
	return func(c net.Conn) {
		if len(b) > 0 {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
		time.Sleep(time.Hour)
	}
}

const testTimeout = 300 * time.Millisecond

// TestDetectThenSilence: what decides is decided at once, whatever follows; what does not, at the timeout.
func TestDetectThenSilence(t *testing.T) {
	for _, tt := range classes {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := unhex(t, tt.hex)
				got := detect(t, &Front{AutoDetect: true}, thenSilence(b))
				want := detected{tls: tt.want == TLS, rest: b}
				switch tt.want {
				case NeedMore:
					want.after = testTimeout
					if len(b) > 0 {
						want.reason = policy.DetectBroken
					}
				case Broken:
					want.reason = policy.DetectBroken
				case SSLv2:
					want.reason = policy.DetectSSLv2
				}
				if got.tls != want.tls || got.reason != want.reason || got.after != want.after {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if want.reason == "" && !bytes.Equal(got.rest, want.rest) {
					t.Errorf("session reads % x, client sent % x", got.rest, want.rest)
				}
			})
		})
	}
}

func TestDetectSilentClient(t *testing.T) {
	for _, tt := range []struct {
		name   string
		front  Front
		reason policy.Reason
		after  time.Duration
	}{
		{"plaintext by default", Front{AutoDetect: true}, "", DefaultDetectTimeout},
		{"plaintext", Front{AutoDetect: true, DetectTimeout: 2 * time.Second}, "", 2 * time.Second},
		{"refuse", Front{AutoDetect: true, DetectTimeout: time.Second, SilentClient: SilentRefuse}, policy.SilentClient, time.Second},
		{"negative timeout is no wait without end", Front{AutoDetect: true, DetectTimeout: -1}, "", DefaultDetectTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := detect(t, &tt.front, thenSilence(nil))
				if got.tls || got.reason != tt.reason || got.after != tt.after {
					t.Errorf("got %+v, want reason %q after %v", got, tt.reason, tt.after)
				}
			})
		})
	}
}

// TestDetectDeadlineIsWhole: a byte now and then does not extend the deadline.
func TestDetectDeadlineIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hello := clientHello(t, nil)
		got := detect(t, &Front{AutoDetect: true}, func(c net.Conn) {
			for _, b := range hello {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
		if got.reason != policy.DetectBroken || got.after != DefaultDetectTimeout {
			t.Errorf("got %+v, want broken after %v", got, DefaultDetectTimeout)
		}
	})
}

func TestDetectHelloInPieces(t *testing.T) {
	ordinary := clientHello(t, nil)
	if len(ordinary) < 1400 {
		t.Fatalf("hello of %d bytes: is there no ML-KEM share any more?", len(ordinary))
	}
	for name, hello := range map[string][]byte{
		"ordinary":            ordinary,
		"over 4 KiB":          clientHello(t, longProtocols(5000)),
		"over 16 KiB":         clientHello(t, longProtocols(20000)),
		"in records of 4":     inRecords(ordinary, 4),
		"in records of 5":     inRecords(ordinary, 5),
		"in records of 6":     inRecords(ordinary, 6),
		"in records of 1000":  inRecords(ordinary, 1000),
		"60 KB in full":       clientHello(t, longProtocols(60000)),
		"60 KB in records 99": inRecords(clientHello(t, longProtocols(60000)), 99),
	} {
		for _, size := range []int{1, 2, 3, 7, 11, 12, 1460, len(hello)} {
			if len(hello) > 10000 && size < 11 {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				got := detect(t, &Front{AutoDetect: true}, pieces(hello, size))
				if !got.tls || got.reason != "" || !bytes.Equal(got.rest, hello) {
					t.Errorf("%s in pieces of %d: tls=%v reason=%q, %d bytes of %d", name, size, got.tls, got.reason, len(got.rest), len(hello))
				}
			})
		}
	}
}

// TestDetectDisconnect: a client that leaves after any number of bytes is closed, not broken, as long as
// nothing decided.
func TestDetectDisconnect(t *testing.T) {
	hello := clientHello(t, nil)
	for n := range 40 {
		synctest.Test(t, func(t *testing.T) {
			got := detect(t, &Front{AutoDetect: true, SilentClient: SilentRefuse}, pieces(hello[:n], 1))
			switch {
			case n < 11 && (got.reason != policy.DetectClosed || got.tls):
				t.Errorf("closed after %d bytes: %+v, want %s", n, got, policy.DetectClosed)
			case n >= 11 && (!got.tls || !bytes.Equal(got.rest, hello[:n])):
				t.Errorf("closed after %d bytes: %+v, want TLS with all of them", n, got)
			}
		})
	}
}

func TestDetectPlaintextKeepsBytes(t *testing.T) {
	text := bytes.Repeat([]byte("EHLO client.example\r\n"), 1000)
	for _, size := range []int{1, 2, 3, 4, 4095, 4096, 4097, len(text)} {
		synctest.Test(t, func(t *testing.T) {
			got := detect(t, &Front{AutoDetect: true}, pieces(text, size))
			if got.tls || got.reason != "" || !bytes.Equal(got.rest, text) {
				t.Errorf("pieces of %d: %v %q, %d bytes of %d", size, got.tls, got.reason, len(got.rest), len(text))
			}
		})
	}
}

func TestDetectClearsDeadline(t *testing.T) {
	for name, first := range map[string]string{"silent": "", "text": "hi"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			if first != "" { // a pipe passes an empty write on as an empty read
				go far.Write([]byte(first))
			}
			conn, _, err := (&Front{AutoDetect: true}).Detect(near)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, wrapped := conn.(*Prefixed); wrapped != (first != "") {
				t.Errorf("%s: Detect returned %T", name, conn)
			}
			go func() {
				time.Sleep(time.Hour)
				far.Write([]byte("!"))
			}()
			buf := make([]byte, len(first)+1)
			if _, err := io.ReadFull(conn, buf); err != nil {
				t.Errorf("%s: read an hour later: %v", name, err)
			}
		})
	}
}

func TestDetectOff(t *testing.T) {
	near, far := net.Pipe()
	far.Close()
	conn, isTLS, err := (&Front{}).Detect(near)
	if conn != near || isTLS || err != nil {
		t.Errorf("Detect = %v, %v, %v, want the connection untouched", conn, isTLS, err)
	}
}
