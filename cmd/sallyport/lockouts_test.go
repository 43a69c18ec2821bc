package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/admin"
	"sallyport/policy"
)

func TestPrintLockouts(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, -1, time.FixedZone("", 3600))
	lock := func(source string, forever bool) policy.Locked {
		l := policy.Locked{Source: netip.MustParsePrefix(source), Since: since, Forever: forever, Failures: 3, Reason: policy.NotTLS}
		if !forever {
			l.Until = since.Add(30 * time.Minute)
		}
		return l
	}
	for _, tt := range []struct {
		name string
		list admin.Lockouts
		want string
	}{
		{"nobody", admin.Lockouts{}, "nobody is locked out\n"},
		{"all", admin.Lockouts{Total: 3, List: []policy.Locked{lock("203.0.113.9/32", false), lock("2001:db8::1/128", true), lock("2001:db8::/64", true)}}, `
SOURCE         SINCE                 UNTIL                 FAILURES  REASON
203.0.113.9    2026-03-01T11:00:00Z  2026-03-01T11:30:00Z  3         not_tls
2001:db8::1    2026-03-01T11:00:00Z  until unlocked        3         not_tls
2001:db8::/64  2026-03-01T11:00:00Z  until unlocked        3         not_tls
`},
		{"one more", admin.Lockouts{Total: 2, List: []policy.Locked{lock("203.0.113.9/32", true)}}, `
SOURCE       SINCE                 UNTIL           FAILURES  REASON
203.0.113.9  2026-03-01T11:00:00Z  until unlocked  3         not_tls
and 1 more source; --all lists all
`},
		{"many more", admin.Lockouts{Total: 1 << 20, List: []policy.Locked{lock("203.0.113.9/32", true)}}, `
SOURCE       SINCE                 UNTIL           FAILURES  REASON
203.0.113.9  2026-03-01T11:00:00Z  until unlocked  3         not_tls
and 1048575 more sources; --all lists all
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := printLockouts(&b, &tt.list); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for room := range b.Len() { // a pipe that is closed early is noticed
				if err := printLockouts(&narrow{room: room}, &tt.list); err == nil {
					t.Fatalf("no error though only %d of %d bytes could be written", room, b.Len())
				}
			}
		})
	}
}

// narrow takes so many bytes.
type narrow struct{ room int }

func (n *narrow) Write(p []byte) (int, error) {
	if len(p) > n.room {
		return 0, errors.New("full")
	}
	n.room -= len(p)
	return len(p), nil
}

func TestParseSources(t *testing.T) {
	got, err := parseSources([]string{"203.0.113.9", "::ffff:10.0.0.0/104", "2001:db8::/64"})
	want := "[203.0.113.9/32 10.0.0.0/8 2001:db8::/64]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
	_, err = parseSources([]string{"a", "203.0.113.9", "b\n"})
	if err == nil || !strings.Contains(err.Error(), `"a" is not`) || !strings.Contains(err.Error(), `"b\n" is not`) {
		t.Errorf("error %v, want one that names both", err)
	}
}
