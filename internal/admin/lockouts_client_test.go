package admin

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// serveLocks runs an endpoint with these locks and returns a client for it.
func serveLocks(t *testing.T, network string, locks Locks) *Client {
	t.Helper()
	dir := t.TempDir()
	token, err := Token(dir)
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:0"
	if network == "unix" {
		address, token = filepath.Join(dir, "a.sock"), ""
	}
	return serveHandler(t, network, address, dir, Handler(newFake(), locks, new(fakeSwitch), token))
}

func serveHandler(t *testing.T, network, address, dir string, h http.Handler) *Client {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := Server(h)
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return &Client{Network: network, Address: l.Addr().String(), StateDir: dir}
}

var toTheMillisecond = cmpopts.EquateApproxTime(time.Millisecond)

func TestClientLocks(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			ctx, locks := t.Context(), threeLocks()
			client := serveLocks(t, network, locks)
			all, err := client.Lockouts(ctx, -1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&Lockouts{Total: 3, List: locks.list}, all, comparePrefixes, toTheMillisecond); diff != "" {
				t.Errorf("all (-want +got):\n%s", diff)
			}
			page, err := client.Lockouts(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&Lockouts{Total: 3, List: locks.list[:2]}, page, comparePrefixes, toTheMillisecond); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
			for source, want := range map[string][]netip.Prefix{
				"203.0.113.9/32": {locks.list[0].Source}, "2001:db8::5/128": {locks.list[2].Source},
				"203.0.113.0/24": {locks.list[0].Source, locks.list[1].Source}, "192.0.2.1/32": {},
			} {
				got, err := client.Unlock(ctx, netip.MustParsePrefix(source))
				if diff := cmp.Diff(want, got, comparePrefixes); err != nil || diff != "" {
					t.Errorf("unlock %s: %v (-want +got):\n%s", source, err, diff)
				}
			}
		})
	}
}

// A list this long is beyond what the client takes for other answers.
func TestClientReadsLongLists(t *testing.T) {
	locks, reason := &fakeLocks{}, policy.Reason(strings.Repeat("x", 1000))
	for i := range 70_000 {
		locks.list = append(locks.list, policy.Locked{
			Source: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(11 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)}), 32),
			Since:  lockedSince.Add(time.Duration(i) * time.Millisecond), Until: lockedSince.Add(time.Hour), Failures: i, Reason: reason,
		})
	}
	var written counter
	(&Lockouts{List: locks.list}).Write(&written)
	if written <= longestAnswer {
		t.Fatalf("only %d bytes: that is no long list", written)
	}
	got, err := serveLocks(t, "unix", locks).Lockouts(t.Context(), -1)
	if err != nil {
		t.Fatal(err)
	}
	last := len(locks.list) - 1
	if got.Total != len(locks.list) || len(got.List) != len(locks.list) || got.List[last] != locks.list[last] {
		t.Errorf("%d of %d sources came, the last as %+v", len(got.List), got.Total, got.List[len(got.List)-1])
	}
}

// counter counts what is written.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestClientLocksRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		code                    int
		want                    string
	}{
		{"an older version", "text/plain; charset=utf-8", "404 page not found\n", 404, "404 Not Found: 404 page not found"},
		{"an error as JSON", "application/json", "{}", 500, "500 Internal Server Error: {}"},
		{"something else", "text/html", "<html>", 200, "200 OK: <html>"},
		{"nothing", "application/json", "", 200, "unexpected EOF"},
		{"a list", "application/json", "[]", 200, "not a list of lock-outs: [ where { was expected"},
		{"no list", "application/json", `{"lockouts":{}}`, 200, "not a list of lock-outs: { where [ was expected"},
		{"null", "application/json", `{"lockouts":null}`, 200, "not a list of lock-outs: <nil> where [ was expected"},
		{"cut off within a lock", "application/json", `{"total":2,"lockouts":[{"source":"10.0.0.1/32"`, 200, "unexpected EOF"},
		{"cut off between locks", "application/json", `{"total":2,"lockouts":[{"source":"10.0.0.1/32"},`, 200, "EOF"},
		{"cut off at the end", "application/json", `{"total":2,"lockouts":[]`, 200, "unexpected EOF"},
		{"a source that is none", "application/json", `{"lockouts":[{"source":"x"}]}`, 200, `netip.ParsePrefix("x"): no '/'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := serveHandler(t, "unix", filepath.Join(t.TempDir(), "a.sock"), "", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.code)
				io.WriteString(w, tt.body)
			}))
			got, err := client.Lockouts(t.Context(), -1)
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "unix:") {
				t.Errorf("%+v, error %v, want one that ends with %q", got, err, tt.want)
			}
		})
	}
}

func TestClientSkipsWhatANewerVersionSays(t *testing.T) {
	const body = `{"epoch":{"a":[1,2]},"total":7,"lockouts":[{"source":"10.0.0.1/32","new":1}],"more":null}`
	got, err := readLockouts(json.NewDecoder(strings.NewReader(body)))
	want := &Lockouts{Total: 7, List: []policy.Locked{{Source: netip.MustParsePrefix("10.0.0.1/32")}}}
	if diff := cmp.Diff(want, got, comparePrefixes); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// FuzzReadLockouts holds that what was read is read the same once it has been written.
func FuzzReadLockouts(f *testing.F) {
	f.Add(`{"total":3,"lockouts":[{"source":"10.0.0.1/32","since":"2026-03-01T12:00:00Z","forever":true,"failures":1,"reason":"not_tls"}]}`)
	f.Add(`{"lockouts":[],"total":-1,"x":[{}]}`)
	f.Add(`{"lockouts":[{}],"lockouts":[{"source":""}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		first, err := readLockouts(json.NewDecoder(strings.NewReader(text)))
		if err != nil {
			return
		}
		var b strings.Builder
		if err := first.Write(&b); err != nil {
			return // a year that JSON has no form for
		}
		second, err := readLockouts(json.NewDecoder(strings.NewReader(b.String())))
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%s", err, b.String())
		}
		var again strings.Builder
		second.Write(&again)
		if diff := cmp.Diff(b.String(), again.String()); diff != "" {
			t.Fatalf("written twice (-first +second):\n%s", diff)
		}
	})
}
