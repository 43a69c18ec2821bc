package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// someLocks returns Lockouts with locks of each kind, and the time.
func someLocks(t *testing.T) (*policy.Lockouts, time.Time) {
	s := newLockoutScript(t, lockoutRules())
	for _, source := range []string{"10.0.0.9", "2001:db8::5", "10.0.0.10"} {
		for _, locks := range []bool{false, false, true} {
			s.fail(source, locks)
		}
		s.wait(90 * time.Second)
	}
	rules := lockoutRules()
	rules.Forever, rules.IPv6Prefix = true, 128
	s.locks.Configure(rules)
	for _, locks := range []bool{false, false, true} {
		s.fail("2001:db8:1::1", locks)
	}
	s.fail("10.0.0.11", false)
	return s.locks, s.now
}

// snapshot returns what Snapshot writes.
func snapshot(locks *policy.Lockouts, now time.Time) []byte {
	var b bytes.Buffer
	locks.Snapshot(now, &b)
	return b.Bytes()
}

// A disk that is full is noticed, however little is missing.
func TestSnapshotReportsWhatCannotBeWritten(t *testing.T) {
	locks, now := someLocks(t)
	for _, room := range []int{0, 10, len(snapshot(locks, now)) - 1} {
		if err := locks.Snapshot(now, &full{room}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("room for %d bytes: error %v", room, err)
		}
	}
}

// full takes so many bytes.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	if f.room -= n; n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestSnapshot(t *testing.T) {
	locks, now := someLocks(t)
	want := strings.Join([]string{
		`{"version":1,"locks":[`,
		`{"source":"10.0.0.9/32","since":"2026-03-01T12:00:00Z","until":"2026-03-01T12:30:00Z","failures":3,"reason":"handshake_failed"},`,
		`{"source":"10.0.0.10/32","since":"2026-03-01T12:03:00Z","until":"2026-03-01T12:33:00Z","failures":3,"reason":"handshake_failed"},`,
		`{"source":"2001:db8::/64","since":"2026-03-01T12:01:30Z","until":"2026-03-01T12:31:30Z","failures":3,"reason":"handshake_failed"},`,
		`{"source":"2001:db8:1::1/128","since":"2026-03-01T12:04:30Z","forever":true,"failures":3,"reason":"handshake_failed"}`,
		"]}\n",
	}, "")
	if diff := cmp.Diff(want, string(snapshot(locks, now))); diff != "" {
		t.Errorf("Snapshot (-want +got):\n%s", diff)
	}
	if got := string(snapshot(policy.NewLockouts(now, 0, lockoutRules()), now)); got != "{\"version\":1,\"locks\":[]}\n" {
		t.Errorf("Snapshot of nothing = %q", got)
	}
}

func TestRestore(t *testing.T) {
	locks, now := someLocks(t)
	later := now.Add(26 * time.Minute) // the first of them has ended
	restored := policy.NewLockouts(later, 0, lockoutRules())
	if err := restored.Restore(later, snapshot(locks, now)); err != nil {
		t.Fatal(err)
	}
	want := locks.List(now)[1:]
	if diff := cmp.Diff(want, restored.List(later), comparePrefixes); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	s := &lockoutScript{t: t, locks: restored, now: later}
	s.locked("10.0.0.9", false)
	s.locked("10.0.0.10", true)
	s.locked("2001:db8::99", true)
	s.locked("2001:db8:1::1", true) // a width that no rule has any more
	s.locked("2001:db8:1::2", false)
	s.fail("10.0.0.11", false) // a restart has forgiven its first failure
	s.fail("10.0.0.11", false)
	s.wait(3 * time.Minute)
	s.locked("10.0.0.10", false)
	s.unlock("2001:db8:1::1", true)
}

func TestRestoreKeepsTheLongerOfTwo(t *testing.T) {
	const form = `{"version":1,"locks":[{"source":"10.0.0.1/32","since":"2026-03-01T11:59:00Z",%s,"failures":9,"reason":"not_tls"}]}`
	for _, tt := range []struct {
		name, until string
		want        time.Duration // from the start; zero for ever
	}{
		{"shorter", `"until":"2026-03-01T12:10:00Z"`, 30 * time.Minute},
		{"longer", `"until":"2026-03-01T12:50:00Z"`, 50 * time.Minute},
		{"for ever", `"forever":true`, 0},
		{"ended", `"until":"2026-03-01T12:00:00Z"`, 30 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newLockoutScript(t, lockoutRules())
			for _, locks := range []bool{false, false, true} {
				s.fail("10.0.0.1", locks)
			}
			if err := s.locks.Restore(s.now, fmt.Appendf(nil, form, tt.until)); err != nil {
				t.Fatal(err)
			}
			list := s.locks.List(s.now)
			if len(list) != 1 || list[0].Forever != (tt.want == 0) {
				t.Fatalf("List = %+v", list)
			}
			if until := limitStart.Add(tt.want); tt.want != 0 && !list[0].Until.Equal(until) {
				t.Errorf("locked until %v, want %v", list[0].Until, until)
			}
		})
	}
}

// A host without a battery starts in 1970: what it restores then must not stay for the decades until today.
func TestRestoreBeforeTheClockIsSet(t *testing.T) {
	locks, now := someLocks(t)
	unset := time.Unix(100, 0).UTC()
	restored := policy.NewLockouts(unset, 0, lockoutRules())
	if err := restored.Restore(unset, snapshot(locks, now)); err != nil {
		t.Fatal(err)
	}
	s := &lockoutScript{t: t, locks: restored, now: unset}
	s.locked("10.0.0.10", true)
	s.wait(30*time.Minute - 1)
	s.locked("10.0.0.10", true)
	s.wait(1)
	s.locked("10.0.0.10", false)
	s.locked("2001:db8:1::1", true)
}

func TestRestoreOfAVeryLongLock(t *testing.T) {
	rules := policy.LockoutRules{Failures: 1, Window: time.Minute, Duration: 1<<63 - 1}
	locks := policy.NewLockouts(limitStart, 0, rules)
	locks.Failed(limitStart, limitAddr(1), policy.NotTLS)
	restored := policy.NewLockouts(limitStart, 0, rules)
	if err := restored.Restore(limitStart, snapshot(locks, limitStart)); err != nil {
		t.Fatal(err)
	}
	if list := restored.List(limitStart); len(list) != 1 || !list[0].Forever {
		t.Errorf("List = %+v, want one lock for ever", list)
	}
}

func TestRestoreOfAnotherVersionsReason(t *testing.T) {
	locks := policy.NewLockouts(limitStart, 0, lockoutRules())
	data := `{"version":1,"locks":[{"source":"10.0.0.1/32","since":"2026-03-01T11:59:00Z","forever":true,"failures":9,"reason":"not known here"}]}`
	if err := locks.Restore(limitStart, []byte(data)); err != nil {
		t.Fatal(err)
	}
	if list := locks.List(limitStart); len(list) != 1 || list[0].Reason != policy.SourceLocked {
		t.Errorf("List = %+v", list)
	}
}

func TestRestoreRefuses(t *testing.T) {
	good, now := someLocks(t)
	entry := func(text string) string {
		return `{"version":1,"locks":[{"source":"10.0.0.1/32","since":"2026-03-01T12:00:00Z","forever":true,"failures":1,"reason":"not_tls"},` + text + `]}`
	}
	for _, tt := range []struct{ name, data, want string }{
		{"nothing", "", "lock-outs: not a complete snapshot: unexpected end of JSON input"},
		{"something else", "[]", "lock-outs: not a complete snapshot: json: cannot unmarshal array into Go value of type policy.lockoutHeader"},
		{"no version", "{}", "lock-outs: not a snapshot: it has no version"},
		{"version 0", `{"version":0}`, "lock-outs: not a snapshot: it has no version"},
		{"a newer version", `{"version":2,"locks":{"new":"form"}}`, "lock-outs: version 2 was written by a newer program; this one reads up to version 1"},
		{"an unknown key", `{"version":1,"locks":[],"keys":[]}`, `lock-outs: not a snapshot: json: unknown field "keys"`},
		{"something behind it", "{\"version\":1,\"locks\":[]}\n{}", "lock-outs: not a complete snapshot: invalid character '{' after top-level value"},
		{"cut off", string(snapshot(good, now)[:300]), "lock-outs: not a complete snapshot: unexpected end of JSON input"},
		{"no source", entry(`{"since":"2026-03-01T12:00:00Z","forever":true}`), "lock-outs: lock 2: no source"},
		{"a name", entry(`{"source":"localhost"}`), `lock-outs: not a snapshot: netip.ParsePrefix("localhost"): no '/'`},
		{"an IPv4 network", entry(`{"source":"10.0.0.0/24","since":"2026-03-01T12:00:00Z","forever":true}`), "lock-outs: lock 2: source 10.0.0.0/24: an IPv4 source is a single address"},
		{"a mapped address", entry(`{"source":"::ffff:10.0.0.2/128","since":"2026-03-01T12:00:00Z","forever":true}`), "lock-outs: lock 2: source ::ffff:10.0.0.2/128: an IPv4 address is written as one"},
		{"all of IPv6", entry(`{"source":"::/0","since":"2026-03-01T12:00:00Z","forever":true}`), "lock-outs: lock 2: source ::/0: not a source"},
		{"bits beyond the length", entry(`{"source":"2001:db8::1/64","since":"2026-03-01T12:00:00Z","forever":true}`), "lock-outs: lock 2: source 2001:db8::1/64: not a source"},
		{"no end", entry(`{"source":"10.0.0.2/32","since":"2026-03-01T12:00:00Z"}`), "lock-outs: lock 2: source 10.0.0.2/32: has to have either until or forever"},
		{"two ends", entry(`{"source":"10.0.0.2/32","since":"2026-03-01T12:00:00Z","until":"2026-03-01T12:00:00Z","forever":true}`), "lock-outs: lock 2: source 10.0.0.2/32: has to have either until or forever"},
		{"no beginning", entry(`{"source":"10.0.0.2/32","forever":true}`), "lock-outs: lock 2: source 10.0.0.2/32: its time is more than a century away"},
		{"an end far away", entry(`{"source":"10.0.0.2/32","since":"2026-03-01T12:00:00Z","until":"9999-03-01T12:00:00Z"}`), "lock-outs: lock 2: source 10.0.0.2/32: its time is more than a century away"},
		{"an end before the beginning", entry(`{"source":"10.0.0.2/32","since":"2026-03-01T12:00:00Z","until":"2026-03-01T11:00:00Z"}`), "lock-outs: lock 2: source 10.0.0.2/32: ends before it begins"},
		{"fewer than no failures", entry(`{"source":"10.0.0.2/32","since":"2026-03-01T12:00:00Z","forever":true,"failures":-1}`), "lock-outs: lock 2: source 10.0.0.2/32: failures is negative"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			locks := policy.NewLockouts(now, 0, lockoutRules())
			err := locks.Restore(now, []byte(tt.data))
			if err == nil || err.Error() != tt.want {
				t.Errorf("error (-want +got):\n%s", cmp.Diff(tt.want, fmt.Sprint(err)))
			}
			if list := locks.List(now); len(list) != 0 {
				t.Errorf("restored in spite of the error: %+v", list)
			}
		})
	}
}

func TestRestoreRefusesMoreThanThereIsRoomFor(t *testing.T) {
	locks, now := someLocks(t)
	small := policy.NewLockouts(now, 3, lockoutRules())
	err := small.Restore(now, snapshot(locks, now))
	if want := "lock-outs: 4 sources are more than the 3 that there is room for"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if got := small.Stats().Locked; got != 0 {
		t.Errorf("%d locks are there in spite of the error", got)
	}
	exact := policy.NewLockouts(now, 4, lockoutRules())
	if err := exact.Restore(now, snapshot(locks, now)); err != nil || len(exact.List(now)) != 4 {
		t.Errorf("error %v, %d locks of 4", err, len(exact.List(now)))
	}
}

// FuzzRestore holds that a snapshot is restored completely or refused, and that what was restored is written as it was
// read.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"version":1,"locks":[]}`))
	f.Add([]byte(`{"version":1,"locks":[{"source":"10.0.0.1/32","since":"2026-03-01T12:00:00Z","forever":true,"failures":1,"reason":"not_tls"}]}`))
	f.Add([]byte(`{"version":1,"locks":[{"source":"2001:db8::/64","since":"2026-03-01T11:00:00.5+02:00","until":"2026-03-01T13:00:00Z","failures":4,"reason":"x"}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		locks := policy.NewLockouts(limitStart, 100, lockoutRules())
		if err := locks.Restore(limitStart, data); err != nil {
			if got := locks.Stats(); got.Locked != 0 {
				t.Fatalf("%d locks restored in spite of %v", got.Locked, err)
			}
			return
		}
		list := locks.List(limitStart)
		for _, lock := range list {
			if _, ok := locks.Locked(limitStart, lock.Source.Addr()); !ok {
				t.Fatalf("%v is in the list and not locked", lock)
			}
		}
		written := snapshot(locks, limitStart)
		later := limitStart.Add(time.Second)
		again := policy.NewLockouts(later.Add(-time.Hour), 100, lockoutRules())
		if err := again.Restore(limitStart, written); err != nil {
			t.Fatalf("its own snapshot is refused: %v", err)
		}
		if diff := cmp.Diff(list, again.List(limitStart), comparePrefixes); diff != "" {
			t.Fatalf("restored from its own snapshot (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(string(written), string(snapshot(again, limitStart))); diff != "" {
			t.Fatalf("second snapshot (-want +got):\n%s", diff)
		}
	})
}
