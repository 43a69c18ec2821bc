package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
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

// disk is where a lockoutFile writes in a bubble.
type disk struct {
	took  time.Duration                // by each write
	fails func(at time.Duration) error // nil: nothing does

	began time.Time
	mu    sync.Mutex
	times []time.Duration // of the writes, since the beginning
	last  string
}

func (d *disk) write(_ string, content func(io.Writer) error) error {
	at := time.Since(d.began)
	time.Sleep(d.took)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times = append(d.times, at)
	if d.fails != nil {
		if err := d.fails(at); err != nil {
			return err
		}
	}
	var b strings.Builder
	err := content(&b)
	d.last = b.String()
	return err
}

func (d *disk) writes() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.times)
}

func (d *disk) content() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// keeping runs keep in a bubble, onto a disk. The function that it returns ends that and returns the log.
func keeping(t *testing.T, d *disk) (locks *policy.Lockouts, end func() string) {
	t.Helper()
	locks = locksFor(time.Now())
	file, log := fileIn(t.TempDir(), locks)
	file.write, d.began = d.write, time.Now()
	file.load(time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); file.keep(ctx) }()
	return locks, func() string {
		cancel()
		<-done
		return log.String()
	}
}

func TestKeepWritesChangesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		locks, end := keeping(t, d)
		time.Sleep(time.Hour) // nothing happens
		lockOut(locks, "203.0.113.9", "203.0.113.10")
		time.Sleep(2 * time.Second)
		if got := d.writes(); len(got) != 1 || got[0]-time.Hour > lockoutsPoll {
			t.Errorf("written at %v, want once, within a second of the change", got)
		}
		time.Sleep(10 * time.Minute)
		locks.Unlock(time.Now(), netip.MustParsePrefix("203.0.113.9/32"))
		time.Sleep(2 * time.Second)
		if last := d.content(); !strings.Contains(last, "203.0.113.10") || strings.Contains(last, "203.0.113.9/") {
			t.Errorf("the last content is %s", last)
		}
		time.Sleep(2 * time.Hour) // the other lock ends by itself
		if log, got := end(), d.writes(); len(got) != 2 || log != "" {
			t.Errorf("written at %v, want twice; log:\n%s", got, log)
		}
	})
}

// TestKeepHurries: what an operator unlocks is written at once, also while the next write has to wait.
func TestKeepHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: time.Minute}
		locks := locksFor(time.Now())
		file, _ := fileIn(t.TempDir(), locks)
		file.write, d.began = d.write, time.Now()
		file.load(time.Now())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); file.keep(ctx) }()
		lockOut(locks, "203.0.113.9")
		time.Sleep(2 * time.Minute) // written, and the next time is minutes away
		loggedLocks{locks, file.log, file}.Unlock(time.Now(), netip.MustParsePrefix("203.0.113.9/32"))
		time.Sleep(time.Minute + time.Second)
		if n, last := len(d.writes()), d.content(); n != 2 || strings.Contains(last, "203.0.113.9") {
			t.Errorf("written %d times, at last %s", n, last)
		}
		cancel()
		<-done
	})
}

func TestKeepWritesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: time.Second}
		locks, end := keeping(t, d)
		lockOut(locks, "203.0.113.9")
		time.Sleep(3 * time.Second)   // written, and now it would wait
		lockOut(locks, "2001:db8::5") // in the last moment
		log := end()
		if len(d.writes()) != 2 || !strings.Contains(d.content(), "2001:db8::/64") || log != "" {
			t.Errorf("written at %v, the last time %s; log:\n%s", d.writes(), d.content(), log)
		}
	})
}

func TestKeepWritesNothingForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		_, end := keeping(t, d)
		time.Sleep(time.Hour)
		if log, got := end(), d.writes(); len(got) != 0 || log != "" {
			t.Errorf("nobody was ever locked out, and it was written at %v; log:\n%s", got, log)
		}
	})
}

func TestKeepPacesAFlood(t *testing.T) {
	for _, tt := range []struct{ took, between time.Duration }{
		{time.Millisecond, 100 * time.Millisecond}, {500 * time.Millisecond, time.Second}, {time.Minute, 10 * time.Second},
	} {
		t.Run(tt.took.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { keepDuringFlood(t, &disk{took: tt.took}, tt.between) })
		})
	}
}

func keepDuringFlood(t *testing.T, d *disk, between time.Duration) {
	const sources = 250
	locks, end := keeping(t, d)
	for i := range sources {
		lockOut(locks, fmt.Sprintf("203.0.113.%d", i))
		time.Sleep(between)
	}
	time.Sleep(2 * lockoutsPatience)
	end()
	writes := d.writes()
	if len(writes) < 5 {
		t.Errorf("written at %v: not kept up to date", writes)
	}
	least := min(lockoutsPace*d.took, lockoutsPatience)
	for i := 1; i < len(writes); i++ {
		gap := writes[i] - writes[i-1] - d.took
		if gap < least || gap > least+2*lockoutsPoll {
			t.Errorf("%v between the writes %d and %d, want about %v", gap, i, i+1, max(least, lockoutsPoll))
		}
	}
	if !strings.Contains(d.content(), fmt.Sprintf("203.0.113.%d/32", sources-1)) {
		t.Error("the last source is not in the last write")
	}
}

// failing is a disk that is full for ten minutes of every hour, and read-only for the ten after that.
func failing() *disk {
	failure := func(code syscall.Errno) error {
		return &fs.PathError{Op: "write", Path: fmt.Sprintf("lockouts.json.%d.tmp", time.Now().UnixNano()), Err: code}
	}
	return &disk{fails: func(at time.Duration) error {
		switch at %= time.Hour; {
		case at < 10*time.Minute:
			return failure(syscall.ENOSPC)
		case at < 20*time.Minute:
			return errors.Join(failure(syscall.EROFS), nil)
		default:
			return nil
		}
	}}
}

func TestKeepTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := failing()
		locks, end := keeping(t, d)
		lockOut(locks, "203.0.113.9")
		time.Sleep(19 * time.Minute)
		writes := d.writes()
		if n := len(writes); n < 8 || n > 15 {
			t.Errorf("%d attempts in 19 minutes: %v", n, writes)
		}
		for i := 2; i < len(writes); i++ {
			if gap := writes[i] - writes[i-1]; gap < writes[i-1]-writes[i-2] || gap > lockoutsPatience+lockoutsPoll {
				t.Errorf("attempts at %v: the waits do not grow up to %v", writes, lockoutsPatience)
				break
			}
		}
		time.Sleep(lockoutsPatience + time.Minute)
		if !strings.Contains(d.content(), "203.0.113.9") {
			t.Error("not written once it could be")
		}
		end()
	})
}

func TestKeepReportsEachKindOfFailureOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locks, end := keeping(t, failing())
		lockOut(locks, "203.0.113.9")
		time.Sleep(time.Hour)
		lockOut(locks, "203.0.113.10") // and the same again
		time.Sleep(time.Hour - time.Minute)
		log := end()
		var got []string
		for line := range strings.Lines(log) {
			_, line, _ = strings.Cut(line, "level=")
			level, rest, _ := strings.Cut(line, " ")
			for _, text := range []string{"no space left", "read-only file system", "kept again"} {
				if strings.Contains(rest, text) {
					got = append(got, level+" "+text)
				}
			}
		}
		want := []string{"WARN no space left", "WARN read-only file system", "INFO kept again"}
		if diff := cmp.Diff(slices.Concat(want, want), got); diff != "" {
			t.Errorf("log (-want +got):\n%s\n%s", diff, log)
		}
	})
}

func TestKeepSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{fails: func(time.Duration) error { return syscall.ENOSPC }}
		locks, end := keeping(t, d)
		lockOut(locks, "203.0.113.9")
		time.Sleep(time.Minute)
		log := end()
		if got := strings.Count(log, "level=WARN"); got != 2 || !strings.Contains(log, "lock-outs are lost") {
			t.Errorf("%d warnings, want one of the disk and one of the end:\n%s", got, log)
		}
	})
}

// A reload can name another directory, which may have locks already.
func TestKeepFollowsTheStateDirectory(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	if err := replaceFile(filepath.Join(second, "lockouts.json"), writes(snapshotOf("192.0.2.1"))); err != nil {
		t.Fatal(err)
	}
	locks := locksFor(time.Now())
	file, log := fileIn(first, locks)
	file.load(time.Now())
	lockOut(locks, "203.0.113.9")
	file.save()

	file.dir = func() string { return second }
	file.next, file.retry = time.Now().Add(time.Hour), time.Hour // the old one was slow, and failed
	file.follow()
	if !file.next.IsZero() || file.retry != 0 {
		t.Error("the new directory waits for what the old one did")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	file.keep(ended)
	want := []string{"192.0.2.1", "203.0.113.9"}
	if diff := cmp.Diff(want, lockedOut(locks)); diff != "" {
		t.Errorf("locked out (-want +got):\n%s", diff)
	}
	for dir, want := range map[string][]string{first: {"203.0.113.9"}, second: want} {
		data, err := os.ReadFile(filepath.Join(dir, "lockouts.json"))
		restored := locksFor(time.Now())
		if err == nil {
			err = restored.Restore(time.Now(), data)
		}
		if diff := cmp.Diff(want, lockedOut(restored)); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", dir, err, diff)
		}
	}
	if strings.Contains(log.String(), "WARN") {
		t.Errorf("log:\n%s", log)
	}
}
