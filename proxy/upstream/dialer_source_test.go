package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
	"sallyport/proxy/sourceport"
)

// leasing is a pool of one function.
type leasing func(ctx context.Context, r sourceport.Request, within time.Duration) (conn net.Conn, deadline time.Time, err error)

func (l leasing) Dial(ctx context.Context, r sourceport.Request, within time.Duration, _ *net.Dialer) (net.Conn, *sourceport.Lease, time.Time, error) {
	conn, deadline, err := l(ctx, r, within)
	return conn, nil, deadline, err
}

var (
	pins       = []policy.PortRange{{First: 20001, Last: 20004}}
	healthPins = []policy.PortRange{{First: 20021, Last: 20021}}
)

func addresses(texts ...string) []netip.Addr {
	var addrs []netip.Addr
	for _, text := range texts {
		addrs = append(addrs, netip.MustParseAddr(text))
	}
	return addrs
}

// TestDialAsksForPorts: what the pool is asked for, for each purpose and address.
func TestDialAsksForPorts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		source  Source
		purpose Purpose
		leadsTo []string
		within  time.Duration
		want    []string
	}{
		{"payload", Source{Addresses: addresses("10.2.0.5"), Ports: pins, Wait: 2 * time.Second}, Payload,
			[]string{"192.0.2.1"}, 5 * time.Second, []string{"10.2.0.5 [20001-20004] -> 192.0.2.1:25, wait 2s, within 5s"}},
		{"spare", Source{Addresses: addresses("10.2.0.5"), Ports: pins, Wait: 2 * time.Second}, Spare,
			[]string{"192.0.2.1"}, 5 * time.Second, []string{"10.2.0.5 [20001-20004] -> 192.0.2.1:25, wait 2s, within 5s, idle"}},
		{"check", Source{Addresses: addresses("10.2.0.5"), Ports: pins, HealthPorts: healthPins, Wait: time.Second}, Check,
			[]string{"192.0.2.1"}, 5 * time.Second, []string{"10.2.0.5 [20021] -> 192.0.2.1:25, wait 1s, within 5s"}},
		{"check with less time than wait", Source{Addresses: addresses("10.2.0.5"), Ports: pins, HealthPorts: healthPins, Wait: 9 * time.Second}, Check,
			[]string{"192.0.2.1"}, 5 * time.Second, []string{"10.2.0.5 [20021] -> 192.0.2.1:25, wait 2.5s, within 5s"}},
		{"no limit", Source{Addresses: addresses("10.2.0.5"), Ports: pins, Wait: time.Second}, Payload,
			[]string{"192.0.2.1"}, 0, []string{"10.2.0.5 [20001-20004] -> 192.0.2.1:25, wait 1s, within 0s"}},
		{"each family its address", Source{Addresses: addresses("10.2.0.5", "2001:db8::5"), Ports: pins}, Payload,
			[]string{"192.0.2.1", "2001:db8::1"}, 6 * time.Second, []string{
				"10.2.0.5 [20001-20004] -> 192.0.2.1:25, wait 0s, within 3s",
				"2001:db8::5 [20001-20004] -> [2001:db8::1]:25, wait 0s, within 6s"}},
		{"only the family that there is an address for", Source{Addresses: addresses("2001:db8::5"), Ports: pins}, Payload,
			[]string{"192.0.2.1", "2001:db8::1", "192.0.2.2"}, 6 * time.Second, []string{
				"2001:db8::5 [20001-20004] -> [2001:db8::1]:25, wait 0s, within 6s"}},
		{"IPv4 in IPv6", Source{Addresses: addresses("::ffff:10.2.0.5"), Ports: pins}, Payload,
			[]string{"::ffff:192.0.2.1"}, 6 * time.Second, []string{"10.2.0.5 [20001-20004] -> 192.0.2.1:25, wait 0s, within 6s"}},
		{"link-local addresses share the zone", Source{Addresses: addresses("fe80::5"), Ports: pins}, Payload,
			[]string{"fe80::1%eth7"}, 6 * time.Second, []string{"fe80::5%eth7 [20001-20004] -> [fe80::1%eth7]:25, wait 0s, within 6s"}},
		{"no address: the system says which", Source{Ports: pins}, Payload,
			[]string{"127.0.0.1", "::1"}, 6 * time.Second, []string{
				"127.0.0.1 [20001-20004] -> 127.0.0.1:25, wait 0s, within 3s",
				"::1 [20001-20004] -> [::1]:25, wait 0s, within 6s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				d := &Dialer{Net: &net.Dialer{}, Resolver: leadsTo(tt.leadsTo...)}
				d.Ports = leasing(func(_ context.Context, r sourceport.Request, within time.Duration) (net.Conn, time.Time, error) {
					line := fmt.Sprintf("%s %v -> %s, wait %v, within %v", r.Source, r.Ports, r.Destination, r.Wait, within)
					if r.Idle {
						line += ", idle"
					}
					got = append(got, line)
					return nil, time.Time{}, errors.New("no")
				})
				_, err := d.Dial(t.Context(), &Endpoint{Network: "tcp", Address: "server.example:25", Source: &tt.source}, tt.purpose, tt.within)
				wantRefusal(t, err, policy.UpstreamUnreachable)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestDialRefusesFamily: a name that only has addresses of the other family is told apart from one that cannot be reached.
func TestDialRefusesFamily(t *testing.T) {
	for _, tt := range []struct {
		name    string
		source  string
		leadsTo []string
		text    string
	}{
		{"IPv6 only", "10.2.0.5", []string{"2001:db8::1"}, "server.example:25 leads to 2001:db8::1, and the source address is 10.2.0.5"},
		{"IPv4 only", "2001:db8::5", []string{"192.0.2.1", "192.0.2.2"}, "leads to 192.0.2.1, 192.0.2.2, and the source address is 2001:db8::5"},
		{"many", "2001:db8::5", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"}, "192.0.2.4, 2 more, and"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDialer()
			d.Resolver = leadsTo(tt.leadsTo...)
			for _, source := range []*Source{{Addresses: addresses(tt.source)}, {Addresses: addresses(tt.source), Ports: pins}} {
				_, err := d.Dial(t.Context(), &Endpoint{Network: "tcp", Address: "server.example:25", Source: source}, Payload, longEnough)
				wantRefusal(t, err, policy.SourceFamily, tt.text)
			}
		})
	}
}

// TestDialNeverChecksFromPayloadPorts: a check that has no ports of its own would take one from a session.
func TestDialNeverChecksFromPayloadPorts(t *testing.T) {
	d := newDialer()
	e := &Endpoint{Network: "tcp", Address: "127.0.0.1:25", Source: &Source{Ports: pins, Wait: time.Second}}
	_, err := d.Dial(t.Context(), e, Check, longEnough)
	wantRefusal(t, err, policy.InternalError, "health_ports")
}

// TestDialSpendsWaitOnce: waiting for a source port is not taken from the time for connecting, and there is one time to
// wait for all addresses together.
func TestDialSpendsWaitOnce(t *testing.T) {
	busy := policy.Refuse(policy.SourceExhausted, errors.New("busy"))
	type attempt struct {
		wait, connect time.Duration // that pass
		told          bool          // the pool says when there was a port
		err           error
	}
	for _, tt := range []struct {
		name     string
		attempts []attempt
		want     []string // wait and time of each request
		left     time.Duration
	}{
		{"waited and connected", []attempt{{1500 * time.Millisecond, time.Second, true, nil}}, []string{"2s 3s"}, 8 * time.Second},
		{"refused, then connected", []attempt{{time.Second, time.Second, true, errors.New("no")}, {time.Second, 0, true, nil}},
			[]string{"2s 3s", "1s 4s"}, 8 * time.Second},
		{"no port, then connected at once", []attempt{{2 * time.Second, 0, false, busy}, {0, 0, true, nil}}, []string{"2s 3s", "0s 4.5s"}, 9 * time.Second},
		{"no answer, no answer, connected", []attempt{{0, 3 * time.Second, true, context.DeadlineExceeded}, {0, 3 * time.Second, false, context.DeadlineExceeded}, {2 * time.Second, time.Second, true, nil}},
			[]string{"2s 3s", "2s 3s", "2s 3s"}, 2 * time.Second},
		{"no time is left", []attempt{{0, 9 * time.Second, true, errors.New("no")}}, []string{"2s 3s"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				d := &Dialer{Net: &net.Dialer{}, Resolver: leadsTo("192.0.2.1", "192.0.2.2", "192.0.2.3")}
				d.Ports = leasing(func(_ context.Context, r sourceport.Request, within time.Duration) (net.Conn, time.Time, error) {
					a := tt.attempts[len(got)]
					got = append(got, fmt.Sprint(r.Wait, " ", within))
					time.Sleep(a.wait)
					var deadline time.Time
					if a.told {
						deadline = time.Now().Add(within)
					}
					time.Sleep(a.connect)
					return near, deadline, a.err
				})
				source := &Source{Addresses: addresses("10.2.0.5"), Ports: pins, Wait: 2 * time.Second}
				conn, err := d.Dial(t.Context(), &Endpoint{Network: "tcp", Address: "server.example:25", Source: source}, Payload, 9*time.Second)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("wait and time (-want +got):\n%s", diff)
				}
				if tt.left == 0 {
					wantRefusal(t, err, policy.UpstreamTimeout)
				} else if left := time.Until(conn.Deadline); err != nil || left != tt.left {
					t.Errorf("%v left, want %v; %v", left, tt.left, err)
				}
			})
		})
	}
}

// TestDialVerdict: which of several errors wins, and that the text names the others.
func TestDialVerdict(t *testing.T) {
	source := func(reason policy.Reason) error { return policy.Refuse(reason, errors.New("about the source")) }
	late := fmt.Errorf("silent: %w", context.DeadlineExceeded)
	refused := fmt.Errorf("dial: %w", syscall.Errno(errnoRefused))
	for _, tt := range []struct {
		name   string
		errors []error
		want   string
	}{
		{"the last one", []error{refused, late}, "upstream_timeout: silent: context deadline exceeded"},
		{"the last one of the source", []error{source(policy.SourceTaken), source(policy.SourceAbsent)}, "upstream_source_absent: about the source"},
		{"the endpoint before the source", []error{late, source(policy.SourceAbsent)},
			"upstream_timeout: silent: context deadline exceeded; towards another address: about the source"},
		{"in any order", []error{source(policy.SourceInUse), late},
			"upstream_timeout: silent: context deadline exceeded; towards another address: about the source"},
		{"an address that is in full use is alive", []error{source(policy.SourceExhausted), late},
			"upstream_source_exhausted: about the source; towards another address: silent: context deadline exceeded"},
		{"and so it is last", []error{late, source(policy.SourceQueue)},
			"upstream_source_queue: about the source; towards another address: silent: context deadline exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := 0
			d := newDialer()
			d.Resolver = leadsTo("192.0.2.1", "192.0.2.2")
			d.Ports = leasing(func(context.Context, sourceport.Request, time.Duration) (net.Conn, time.Time, error) {
				i++
				return nil, time.Time{}, tt.errors[i-1]
			})
			e := &Endpoint{Network: "tcp", Address: "server.example:25", Source: &Source{Addresses: addresses("10.2.0.5"), Ports: pins}}
			_, err := d.Dial(t.Context(), e, Payload, longEnough)
			if diff := cmp.Diff(tt.want, errorText(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
