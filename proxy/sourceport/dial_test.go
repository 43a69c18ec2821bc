package sourceport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

var (
	testSource      = netip.MustParseAddr("10.2.0.5")
	testDestination = netip.MustParseAddrPort("10.9.0.1:2021")
)

func ports(first, last uint16) []policy.PortRange {
	return []policy.PortRange{{First: first, Last: last}}
}

func request(first, last uint16, wait time.Duration) Request {
	return Request{Source: testSource, Ports: ports(first, last), Destination: testDestination, Wait: wait}
}

// kernel is what system calls answer to ports; a port that it does not know works. It lists what was tried.
type kernel struct {
	mu      sync.Mutex
	answers map[uint16]error
	tried   []uint16
	takes   time.Duration // for each attempt
}

func (k *kernel) connect(_ context.Context, t Tuple, deadline time.Time) (net.Conn, error) {
	time.Sleep(k.takes)
	k.mu.Lock()
	defer k.mu.Unlock()
	port := t.Source.Port()
	k.tried = append(k.tried, port)
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		return nil, os.ErrDeadlineExceeded
	}
	if err := k.answers[port]; err != nil {
		return nil, err
	}
	return &net.TCPConn{}, nil
}

// heal makes all ports work after a while.
func (k *kernel) heal(after time.Duration) {
	time.AfterFunc(after, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.answers = nil
	})
}

func failing(call string, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp4", Err: os.NewSyscallError(call, err)}
}

var (
	errTaken = failing("bind", errnoInUse)
	errInUse = failing("connect", errnoNotAvailable)
)

// TestDialWithoutWaiting: each free port is tried once, and the reason is what all of them have in common.
func TestDialWithoutWaiting(t *testing.T) {
	refused := failing("connect", errnoRefused)
	tests := []struct {
		name    string
		answers map[uint16]error
		leased  int // ports that others have
		takes   time.Duration
		tried   []uint16
		reason  policy.Reason // empty: another error or none
		err     error
		free    bool // afterwards, all but those that others have
	}{
		{name: "first works", tried: []uint16{1}},
		{name: "second works", answers: map[uint16]error{1: errTaken}, tried: []uint16{1, 2}},
		{name: "last works", answers: map[uint16]error{1: errTaken, 2: errInUse}, tried: []uint16{1, 2, 3}},
		{name: "all taken", answers: map[uint16]error{1: errTaken, 2: errTaken, 3: errTaken}, tried: []uint16{1, 2, 3}, reason: policy.SourceTaken, err: errnoInUse},
		{name: "all in use", answers: map[uint16]error{1: errInUse, 2: errInUse, 3: errInUse}, tried: []uint16{1, 2, 3}, reason: policy.SourceInUse, err: errnoNotAvailable},
		{name: "each once, however slow", takes: time.Second, answers: map[uint16]error{1: errTaken, 2: errTaken, 3: errTaken}, tried: []uint16{1, 2, 3}, reason: policy.SourceTaken, err: errnoInUse},
		{name: "taken and in use", answers: map[uint16]error{1: errTaken, 2: errInUse, 3: errTaken}, tried: []uint16{1, 2, 3}, reason: policy.SourceExhausted, err: errnoInUse},
		{name: "leased and taken", answers: map[uint16]error{2: errTaken, 3: errTaken}, leased: 1, tried: []uint16{2, 3}, reason: policy.SourceExhausted, err: errnoInUse},
		{name: "all leased", leased: 3, reason: policy.SourceExhausted},
		{name: "absent", answers: map[uint16]error{1: failing("bind", errnoNotAvailable)}, tried: []uint16{1}, reason: policy.SourceAbsent, err: errnoNotAvailable, free: true},
		{name: "privileged", answers: map[uint16]error{1: failing("bind", errnoAccess)}, tried: []uint16{1}, reason: policy.SourcePrivileged, err: errnoAccess, free: true},
		{name: "in use, as other systems say it", answers: map[uint16]error{1: failing("connectex", errnoInUse)}, tried: []uint16{1, 2}},
		{name: "nobody listens", answers: map[uint16]error{1: refused}, tried: []uint16{1}, err: errnoRefused, free: true},
		{name: "forbidden at connect", answers: map[uint16]error{1: failing("connect", errnoAccess)}, tried: []uint16{1}, err: errnoAccess, free: true},
		{name: "no answer", answers: map[uint16]error{1: os.ErrDeadlineExceeded}, tried: []uint16{1}, err: os.ErrDeadlineExceeded, free: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New()
				for range test.leased {
					mustDial(t, p, request(1, 3, 0), &kernel{})
				}
				k := &kernel{answers: test.answers, takes: test.takes}
				conn, lease, _, err := p.dial(t.Context(), request(1, 3, 0), 0, k.connect)
				if diff := cmp.Diff(test.tried, k.tried); diff != "" {
					t.Errorf("tried (-want +got):\n%s", diff)
				}
				if got := policy.ReasonOf(err, ""); got != test.reason {
					t.Errorf("reason %q, want %q: %v", got, test.reason, err)
				}
				if wanted := test.err != nil || test.reason != ""; (err != nil) != wanted || test.err != nil && !errors.Is(err, test.err) {
					t.Errorf("error %v, want %v", err, test.err)
				}
				if (conn == nil) != (err != nil) || (lease == nil) != (err != nil) {
					t.Errorf("connection %v and lease %v with error %v", conn, lease, err)
				}
				if use := p.Stats()[0]; test.free && (use.Leased > test.leased || use.Cooling > 0) {
					t.Errorf("not free: %+v", use)
				}
			})
		})
	}
}

func mustDial(t *testing.T, p *Pool, r Request, k *kernel) *Lease {
	t.Helper()
	_, lease, _, err := p.dial(t.Context(), r, 0, k.connect)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// TestDialLooksAgain: a port that does not work is looked after ever more rarely, and at once again after it worked.
func TestDialLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		k := &kernel{answers: map[uint16]error{1: errTaken}}
		start := time.Now()
		_, _, _, err := p.dial(t.Context(), request(1, 1, 5*time.Second), 0, k.connect)
		if got := policy.ReasonOf(err, ""); got != policy.SourceTaken {
			t.Errorf("reason %q: %v", got, err)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("waited %s", waited)
		}
		// At 0, 1, 3, 7 ... 1023 ms, and then every second.
		if got := len(k.tried); got != 14 {
			t.Errorf("tried %d times, want 14", got)
		}
		if got := p.Failures()[policy.SourceTaken]; got != 14 {
			t.Errorf("%d failures, want 14", got)
		}

		k.heal(100 * time.Millisecond)
		_, lease, _, err := p.dial(t.Context(), request(1, 1, 5*time.Second), 0, k.connect)
		if err != nil {
			t.Fatal(err)
		}
		lease.Release()
		k.answers, k.tried = map[uint16]error{1: errInUse}, nil
		k.heal(2500 * time.Microsecond)
		start = time.Now()
		mustDial(t, p, request(1, 1, 5*time.Second), k)
		if waited := time.Since(start); waited != 3*time.Millisecond {
			t.Errorf("a port that worked in between was left alone for %s, want 3ms", waited)
		}
	})
}

// TestDialEndsWhereAllAreTaken: while ports come out of their pauses there is always one to try, which must not go on
// for longer than Wait.
func TestDialEndsWhereAllAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kernel{answers: make(map[uint16]error), takes: time.Millisecond}
		for port := range uint16(1000) {
			k.answers[port+1] = errTaken
		}
		start := time.Now()
		_, _, _, err := New().dial(t.Context(), request(1, 1000, 3*time.Second), 0, k.connect)
		if got := policy.ReasonOf(err, ""); got != policy.SourceTaken {
			t.Errorf("reason %q: %v", got, err)
		}
		if waited := time.Since(start); waited > 3*time.Second+time.Millisecond {
			t.Errorf("went on for %s", waited)
		}
	})
}

// TestDialDeadline: it begins once there is a port, and stands still while another one is waited for.
func TestDialDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		first := mustDial(t, p, request(1, 1, 0), &kernel{})
		time.AfterFunc(time.Second, first.Release)
		k := &kernel{answers: map[uint16]error{1: errInUse}, takes: 20 * time.Millisecond}
		k.heal(1021 * time.Millisecond)
		start := time.Now()
		_, _, deadline, err := p.dial(t.Context(), request(1, 1, 5*time.Second), 100*time.Millisecond, k.connect)
		if err != nil {
			t.Fatal(err)
		}
		// A port after 1 s, refused after 20 ms, waited for again for 1 ms.
		if got := deadline.Sub(start); got != 1101*time.Millisecond {
			t.Errorf("deadline after %s, want 1.101s", got)
		}
	})
}

// TestDialDeadlineOfAFailure: who was not connected learns, too, when he had a port, and with that how long he had waited.
func TestDialDeadlineOfAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		first := mustDial(t, p, request(1, 1, 0), &kernel{})
		time.AfterFunc(time.Second, first.Release)
		refused := errors.New("refused")
		start := time.Now()
		_, _, deadline, err := p.dial(t.Context(), request(1, 1, 5*time.Second), 100*time.Millisecond,
			func(context.Context, Tuple, time.Time) (net.Conn, error) { return nil, refused })
		if got := deadline.Sub(start); err != refused || got != 1100*time.Millisecond {
			t.Errorf("deadline after %s and %v, want 1.1s and that it was refused", got, err)
		}
	})
}

// TestDialKeepsItsPlace: who was given a port that does not work is the first to be given it again.
func TestDialKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		holder := mustDial(t, p, request(1, 1, 0), &kernel{})
		k := &kernel{answers: map[uint16]error{1: errInUse}}
		var order []int // by the holder of the port
		for i := range 3 {
			go func() {
				_, lease, _, err := p.dial(t.Context(), request(1, 1, time.Minute), 0, k.connect)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				time.Sleep(time.Second)
				lease.Release()
			}()
			synctest.Wait()
		}
		holder.Release()
		k.heal(20 * time.Millisecond)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]int{0, 1, 2}, order); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
	})
}

func TestDialImpossible(t *testing.T) {
	six := netip.MustParseAddr("2001:db8::5")
	tests := []struct {
		name    string
		request Request
		reason  policy.Reason
		text    string
	}{
		{"no ports", Request{Source: testSource, Destination: testDestination, Wait: time.Hour}, policy.SourceExhausted, "no source port is declared"},
		{"port 0 only", Request{Source: testSource, Ports: ports(0, 0), Destination: testDestination}, policy.SourceExhausted, "no source port is declared"},
		{"range that ends before it begins", Request{Source: testSource, Ports: ports(4, 1), Destination: testDestination}, policy.SourceExhausted, "no source port is declared"},
		{"other family", Request{Source: six, Ports: ports(1, 4), Destination: testDestination}, policy.SourceFamily,
			"2001:db8::5 -> 10.9.0.1:2021: IPv6 cannot reach IPv4; declare a source address of that family, or none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := New()
			conn, lease, _, err := p.dial(t.Context(), test.request, 0, (&kernel{}).connect)
			if policy.ReasonOf(err, "") != test.reason || !strings.Contains(err.Error(), test.text) || conn != nil || lease != nil {
				t.Errorf("%v, %v, %v", conn, lease, err)
			}
			if diff := cmp.Diff(map[policy.Reason]uint64{test.reason: 1}, p.Failures()); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if stats := p.Stats(); len(stats) > 0 {
				t.Errorf("something is remembered: %v", stats)
			}
		})
	}
}

func TestDialContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		holder := mustDial(t, p, request(1, 1, 0), &kernel{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, _, _, err := p.dial(ctx, request(1, 1, time.Minute), 0, (&kernel{}).connect)
		if _, refused := errors.AsType[*policy.Refusal](err); !errors.Is(err, context.Canceled) || refused {
			t.Errorf("cancelled: %v", err)
		}

		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, _, err = p.dial(brief, request(1, 1, time.Minute), 0, (&kernel{}).connect)
		if policy.ReasonOf(err, "") != policy.SourceExhausted || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended: %v", err)
		}

		holder.Release()
		k := &kernel{}
		if _, _, _, err = p.dial(ctx, request(1, 1, time.Minute), 0, k.connect); !errors.Is(err, context.Canceled) || len(k.tried) > 0 {
			t.Errorf("cancelled before: %v, tried %v", err, k.tried)
		}
	})
}

func TestControlOfTheTemplate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var called []string // more than once where a port of the range does not work
	plain := func(network, address string, _ syscall.RawConn) error { called = append(called, "plain"); return nil }
	withContext := func(_ context.Context, network, address string, _ syscall.RawConn) error {
		called = append(called, "context")
		return nil
	}
	r := Request{Source: netip.MustParseAddr("127.0.0.1"), Ports: ports(20400, 20499), Destination: addrPort(l)}
	tests := []struct {
		name     string
		template *net.Dialer
		want     string
	}{
		{"none", nil, ""},
		{"zero", &net.Dialer{}, ""},
		{"plain", &net.Dialer{Control: plain}, "plain"},
		{"with context", &net.Dialer{Control: plain, ControlContext: withContext}, "context"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			called = nil
			conn, lease, _, err := New().Dial(t.Context(), r, time.Minute, test.template)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			lease.Release()
			if got := strings.Join(slices.Compact(called), ","); got != test.want {
				t.Errorf("called %q, want %q", got, test.want)
			}
			if test.template != nil && (test.template.LocalAddr != nil || !test.template.Deadline.IsZero()) {
				t.Errorf("the template has changed: %+v", test.template)
			}
		})
	}
}

func addrPort(l net.Listener) netip.AddrPort { return l.Addr().(*net.TCPAddr).AddrPort() }
