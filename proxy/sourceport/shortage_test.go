package sourceport

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// asWhole compares addresses by what they are and not by how they are stored.
func asWhole() cmp.Option { return cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}) }

// TestTexts: what a person reads where there is no port.
func TestTexts(t *testing.T) {
	inherited := Tuple{netip.AddrPortFrom(testSource, 2), testDestination}
	tests := []struct {
		name    string
		prepare func(t *testing.T, p *Pool)
		request Request
		want    string
	}{
		{
			"all leased", func(t *testing.T, p *Pool) {
				mustDial(t, p, request(1, 2, 0), &kernel{})
				mustDial(t, p, request(1, 2, 0), &kernel{})
			},
			request(1, 2, 0),
			"upstream_source_exhausted: 10.2.0.5 ports 1-2 -> 10.9.0.1:2021: no source port is free: " +
				"2 leased; declare more ports, here and in the firewall, or a longer wait",
		},
		{
			"leased and inherited, after a wait", func(t *testing.T, p *Pool) {
				mustDial(t, p, request(1, 1, 0), &kernel{})
				p.Inherit([]Tuple{inherited})
			},
			Request{Source: testSource, Ports: []policy.PortRange{{First: 2, Last: 2}, {First: 1, Last: 1}}, Destination: testDestination, Wait: 1500 * time.Millisecond},
			"upstream_source_exhausted: 10.2.0.5 ports 1-2 -> 10.9.0.1:2021: no source port came free within 1.5s: " +
				"1 leased, 1 inherited from the process before; declare more ports, here and in the firewall, or a longer wait",
		},
		{
			"leased and taken", func(t *testing.T, p *Pool) {
				mustDial(t, p, request(1, 1, 0), &kernel{})
				p.dial(t.Context(), request(2, 2, 0), 0, (&kernel{answers: map[uint16]error{2: failing("bind", errnoAccess), 3: errTaken}}).connect)
				p.dial(t.Context(), request(3, 3, 0), 0, (&kernel{answers: map[uint16]error{3: failing("bind", errnoInUse)}}).connect)
				mustDial(t, p, request(2, 2, 0), &kernel{})
			},
			request(1, 3, 0),
			"upstream_source_exhausted: 10.2.0.5 ports 1-3 -> 10.9.0.1:2021: no source port is free: " +
				"2 leased, 1 cooling; " +
				complaintText(3, policy.SourceTaken) + "; declare more ports, here and in the firewall, or a longer wait",
		},
		{
			"taken", func(t *testing.T, p *Pool) {
				p.dial(t.Context(), request(7, 7, 0), 0, (&kernel{answers: map[uint16]error{7: errTaken}}).connect)
			},
			request(7, 7, 0),
			"upstream_source_taken: 10.2.0.5 port 7 -> 10.9.0.1:2021: no source port works, tried for 0s: " +
				"1 cooling; " + complaintText(7, policy.SourceTaken),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New()
				test.prepare(t, p)
				_, _, _, err := p.dial(t.Context(), test.request, 0, (&kernel{}).connect)
				if err == nil {
					t.Fatal("no error")
				}
				if diff := cmp.Diff(test.want, err.Error()); diff != "" {
					t.Errorf("text (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// complaintText is the text of a complaint at bind, whatever the system's words are.
func complaintText(port uint16, reason policy.Reason) string {
	c := complaintOf(Tuple{netip.AddrPortFrom(testSource, port), testDestination}, failing("bind", errnoInUse))
	if c.reason != reason {
		panic(c.reason)
	}
	return c.text()
}

func TestComplaintTexts(t *testing.T) {
	tests := []struct {
		name string
		port uint16
		call string
		err  error
		want string
	}{
		{"taken", 20001, "bind", errnoInUse, "another program has source port 20001"},
		{"in use", 20001, "connect", errnoNotAvailable, "the system still has a connection from port 20001 to there"},
		{"absent", 20001, "bind", errnoNotAvailable, "10.2.0.5 is not an address of this host"},
		{"privileged", 443, "bind", errnoAccess, "this process may not bind source port 443"},
		{"forbidden", 20001, "bind", errnoAccess, "this process may not bind source port 20001"},
	}
	hints := make(map[string]string)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := complaintOf(Tuple{netip.AddrPortFrom(testSource, test.port), testDestination}, failing(test.call, test.err))
			if c == nil {
				t.Fatal("no complaint")
			}
			if got := c.what(); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			hint := c.hint()
			if other, used := hints[hint]; used || hint == "" {
				t.Errorf("hint %q is that of %q", hint, other)
			}
			hints[hint] = test.name
			if want := c.tuple.String() + ": " + test.want + ": " + c.err.Error() + "; " + hint; c.Error() != want {
				t.Errorf("%q, want %q", c.Error(), want)
			}
		})
	}
}

// TestTextsAreShort: with the longest addresses too, the log has all of a text (512 bytes).
func TestTextsAreShort(t *testing.T) {
	source, err := netip.ParseAddr("2001:db8:1234:5678:9abc:def0:1234:5678")
	if err != nil {
		t.Fatal(err)
	}
	r := Request{Source: source, Ports: ports(20001, 20064), Destination: netip.AddrPortFrom(source.Prev(), 20021)}
	refusals := []error{failing("bind", errnoInUse), failing("connect", errnoNotAvailable), failing("bind", errnoNotAvailable), failing("bind", errnoAccess)}
	for _, refusal := range refusals {
		_, _, _, err := New().dial(t.Context(), r, 0, func(context.Context, Tuple, time.Time) (net.Conn, error) { return nil, refusal })
		if n := len(err.Error()); n > 512 {
			t.Errorf("%d bytes: %s", n, err)
		}
	}
}
