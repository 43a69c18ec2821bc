package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// fakeLocks has a list, and unlocks whatever it is told to.
type fakeLocks struct {
	list  []policy.Locked
	asked []netip.Prefix
}

func (f *fakeLocks) List(time.Time) []policy.Locked { return slices.Clone(f.list) }

func (f *fakeLocks) Unlock(_ time.Time, prefix netip.Prefix) []netip.Prefix {
	f.asked = append(f.asked, prefix)
	var gone []netip.Prefix
	for _, lock := range f.list {
		if lock.Source.Overlaps(prefix) {
			gone = append(gone, lock.Source)
		}
	}
	return gone
}

var lockedSince = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func threeLocks() *fakeLocks {
	lock := func(source string, failures int, reason policy.Reason) policy.Locked {
		return policy.Locked{
			Source: netip.MustParsePrefix(source), Since: lockedSince, Until: lockedSince.Add(30 * time.Minute), Failures: failures, Reason: reason,
		}
	}
	f := &fakeLocks{list: []policy.Locked{
		lock("203.0.113.9/32", 3, policy.NoRule), lock("203.0.113.10/32", 1200, policy.NotTLS), lock("2001:db8::/64", 4, policy.HandshakeFailed),
	}}
	f.list[0].Since = f.list[0].Since.Add(-321 * time.Nanosecond) // the clocks have come apart
	f.list[0].Until = f.list[0].Until.Add(321 * time.Nanosecond)
	f.list[2].Until, f.list[2].Forever = time.Time{}, true
	return f
}

var comparePrefixes = cmpopts.EquateComparable(netip.Prefix{})

func TestLockoutsAnswer(t *testing.T) {
	const first = `{"source":"203.0.113.9/32","since":"2026-03-01T12:00:00Z","until":"2026-03-01T12:30:00Z","failures":3,"reason":"no_rule"}`
	const second = `{"source":"203.0.113.10/32","since":"2026-03-01T12:00:00Z","until":"2026-03-01T12:30:00Z","failures":1200,"reason":"not_tls"}`
	const third = `{"source":"2001:db8::/64","since":"2026-03-01T12:00:00Z","forever":true,"failures":4,"reason":"handshake_failed"}`
	for _, tt := range []struct {
		name, query string
		locks       *fakeLocks
		code        int
		want        string
	}{
		{"all", "", threeLocks(), 200, "{\"total\":3,\"lockouts\":[\n" + first + ",\n" + second + ",\n" + third + "\n]}\n"},
		{"none", "", &fakeLocks{}, 200, "{\"total\":0,\"lockouts\":[\n]}\n"},
		{"the first", "?limit=1", threeLocks(), 200, "{\"total\":3,\"lockouts\":[\n" + first + "\n]}\n"},
		{"the number alone", "?limit=0", threeLocks(), 200, "{\"total\":3,\"lockouts\":[\n]}\n"},
		{"more than there are", "?limit=4", threeLocks(), 200, "{\"total\":3,\"lockouts\":[\n" + first + ",\n" + second + ",\n" + third + "\n]}\n"},
		{"negative", "?limit=-1", threeLocks(), 400, "limit: [\"-1\"] is not a number of lock-outs\n"},
		{"no limit", "?limit=", threeLocks(), 400, "limit: [\"\"] is not a number of lock-outs\n"},
		{"no number", "?limit=a%0Ab", threeLocks(), 400, "limit: [\"a\\nb\"] is not a number of lock-outs\n"},
		{"no end", "?limit=4294967296", threeLocks(), 400, "limit: [\"4294967296\"] is not a number of lock-outs\n"},
		{"two limits", "?limit=1&limit=2", threeLocks(), 400, "limit: [\"1\" \"2\"] is not a number of lock-outs\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := Handler(newFake(), tt.locks, new(fakeSwitch), "secret")
			code, body := request(t, h, "GET", "/api/v1/lockouts"+tt.query, "localhost", "")
			if code != tt.code {
				t.Errorf("status %d, want %d", code, tt.code)
			}
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if code == 200 && !json.Valid([]byte(body)) {
				t.Error("that is not JSON")
			}
		})
	}
}

func TestUnlockAnswer(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		code        int
		says        string
		asked       string
	}{
		{"an address", "address=203.0.113.9", 200, `"203.0.113.9/32"`, "203.0.113.9/32"},
		{"an IPv4-mapped address", "address=::ffff:203.0.113.9", 200, `"203.0.113.9/32"`, "203.0.113.9/32"},
		{"a source", "address=2001:db8::/64", 200, `"2001:db8::/64"`, "2001:db8::/64"},
		{"a source, escaped", "address=2001%3Adb8%3A%3A%2F64", 200, `"2001:db8::/64"`, "2001:db8::/64"},
		{"an address of a source", "address=2001:db8::5", 200, `"2001:db8::/64"`, "2001:db8::5/128"},
		{"a network", "address=203.0.113.0/24", 200, `"203.0.113.10/32"`, "203.0.113.0/24"},
		{"everything of IPv4", "address=0.0.0.0/0", 200, `"203.0.113.10/32"`, "0.0.0.0/0"},
		{"one that is not locked out", "address=203.0.113.11", 404, `"unlocked": []`, "203.0.113.11/32"},
		{"nothing", "", 400, "one address", ""},
		{"an empty address", "address=", 400, `"" is not an address`, ""},
		{"two", "address=203.0.113.9&address=203.0.113.10", 400, "one address", ""},
		{"a list", "address=203.0.113.9,203.0.113.10", 400, "is not an address", ""},
		{"a name", "address=localhost", 400, `"localhost" is not an address`, ""},
		{"with its port", "address=203.0.113.9:4711", 400, "hint: a lock-out is of an address, whatever the port: 203.0.113.9", ""},
		{"IPv6 with its port", "address=[::ffff:203.0.113.9]:4711", 400, "whatever the port: 203.0.113.9", ""},
		{"a zone", "address=fe80::1%25eth0", 400, "has a zone", ""},
		{"bits beyond the length", "address=203.0.113.9/24", 400, `did you mean "203.0.113.0/24"`, ""},
		{"a length that there is not", "address=203.0.113.9/33", 400, "is not an address", ""},
		{"a line break", "address=203.0.113.9%0d%0aX-Evil:+1", 400, `"203.0.113.9\r\nX-Evil: 1"`, ""},
		{"not UTF-8", "address=%ff%fe", 400, `"\xff\xfe" is not an address`, ""},
		{"broken escapes", "address=%zz", 400, "one address", ""},
		{"very long", "address=" + strings.Repeat("9", 10_000), 400, "is not an address", ""},
		{"another key", "source=203.0.113.9", 400, "one address", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			locks := threeLocks()
			h := Handler(newFake(), locks, new(fakeSwitch), "secret")
			code, body := request(t, h, "POST", "/api/v1/unlock?"+tt.query, "localhost", "Bearer secret")
			if code != tt.code || !strings.Contains(body, tt.says) {
				t.Errorf("%d %q, want %d with %q", code, body, tt.code, tt.says)
			}
			asked := ""
			if len(locks.asked) > 0 {
				asked = locks.asked[0].String()
			}
			if asked != tt.asked || len(locks.asked) > 1 {
				t.Errorf("unlocked %v, want %q", locks.asked, tt.asked)
			}
		})
	}
}

func TestUnlockIsGuarded(t *testing.T) {
	for _, tt := range []struct {
		name, method, host, authorization string
		want                              int
	}{
		{"no token", "POST", "localhost", "", 401},
		{"a wrong token", "POST", "localhost", "Bearer secreT", 401},
		{"from a foreign page", "POST", "evil.example", "Bearer secret", 403},
		{"by a link", "GET", "localhost", "Bearer secret", 405},
		{"by DELETE", "DELETE", "localhost", "Bearer secret", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			locks := threeLocks()
			code, _ := request(t, Handler(newFake(), locks, new(fakeSwitch), "secret"), tt.method, "/api/v1/unlock?address=203.0.113.9", tt.host, tt.authorization)
			if code != tt.want || len(locks.asked) > 0 {
				t.Errorf("status %d, want %d; unlocked %v", code, tt.want, locks.asked)
			}
		})
	}
}

// deadlines is an answer that notes what the writing is bounded by.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func TestListsAreBoundedAndOneAtATime(t *testing.T) {
	h := &handler{service: newFake(), locks: threeLocks(), listing: make(chan struct{}, 1)}
	r := httptest.NewRequest("GET", "/api/v1/lockouts", nil)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	h.lockouts(w, r)
	if len(w.set) != 2 || time.Until(w.set[0]) <= 0 || !w.set[1].IsZero() {
		t.Errorf("write deadlines %v: want one ahead for the list, and none after it", w.set)
	}

	h.listing <- struct{}{} // somebody else is being given a list
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := httptest.NewRecorder()
	h.lockouts(late, r.WithContext(ctx))
	if late.Code != http.StatusServiceUnavailable {
		t.Errorf("a second list was given out beside the first: %d %q", late.Code, late.Body)
	}
	<-h.listing
	again := httptest.NewRecorder()
	h.lockouts(again, r)
	if again.Code != http.StatusOK || len(h.listing) != 0 {
		t.Error("once it has gone there is no list, or nobody after it gets one")
	}
}

func FuzzParseSource(f *testing.F) {
	for _, text := range []string{
		"203.0.113.9", "203.0.113.0/24", "2001:db8::5", "2001:db8::/64", "::ffff:10.0.0.1", "::ffff:10.0.0.0/120", "::ffff:0:0/96",
		"::ffff:0.0.0.0/90", "fe80::1%eth0", "10.0.0.1:80", "[::1%x]:5", "10.0.0.1/8", "::/0", "0.0.0.0/0", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseSource(text)
		if err != nil {
			if p.IsValid() || err.Error() == "" {
				t.Fatalf("%q: %v in spite of error %q", text, p, err)
			}
			return
		}
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			t.Fatalf("%q is read as %v", text, p)
		}
		if again, err := ParseSource(p.String()); err != nil || again != p {
			t.Fatalf("%q is read as %v, which is read as %v, %v", text, p, again, err)
		}
		if escaped, err := url.QueryUnescape(url.QueryEscape(p.String())); err != nil || escaped != p.String() {
			t.Fatalf("%v cannot be part of a URL", p)
		}
	})
}
