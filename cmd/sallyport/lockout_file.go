package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"sallyport/policy"
)

const (
	lockoutsPoll     = time.Second     // how soon a change is noticed
	lockoutsPace     = 20              // times as long as a write takes, the next one waits
	lockoutsPatience = 5 * time.Minute // the longest wait between two writes
	lockoutsLongest  = 512 << 20       // bytes of a file that this program could have written
)

// lockoutFile keeps lock-outs in the state directory, so that a restart ends none of them. It belongs to one goroutine:
// load comes first, then keep.
type lockoutFile struct {
	locks *policy.Lockouts
	log   *slog.Logger
	dir   func() string                             // the state directory in force
	write func(string, func(io.Writer) error) error // replaceFile
	asked chan struct{}                             // somebody wants it written at once

	path    string          // of the file; empty until load
	written uint64          // what Changes was for the file's content
	unread  bool            // the file there could be neither read nor put aside
	next    time.Time       // not to be written before
	retry   time.Duration   // the wait after the last failure; zero after a success
	warned  map[string]bool // kinds of failures since the last success
}

// newLockoutFile returns the file of locks in a directory that may become another one at any time.
func newLockoutFile(locks *policy.Lockouts, log *slog.Logger, dir func() string) *lockoutFile {
	return &lockoutFile{
		locks: locks, log: log, dir: dir, write: replaceFile,
		asked: make(chan struct{}, 1), warned: make(map[string]bool),
	}
}

// hurry has keep write the file at once, however soon after the last time: what an operator unlocks must not be locked again
// by a crash. It does not wait for that, and is safe for concurrent use.
func (f *lockoutFile) hurry() {
	select {
	case f.asked <- struct{}{}:
	default:
	}
}

// load adds the locks of the file to those there are. A file that cannot be used is put aside, so that nothing is lost,
// and the program goes on without it.
func (f *lockoutFile) load(now time.Time) {
	f.path = filepath.Join(f.dir(), "lockouts.json")
	f.unread = false
	removeTemporary(f.path)
	err := f.restore(now)
	switch locked := f.locks.Stats().Locked; {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		f.putAside(err)
	case locked > 0:
		f.log.Info("lock-outs restored", "file", f.path, "sources", locked)
	}
	f.written = f.locks.Changes()
}

func (f *lockoutFile) restore(now time.Time) error {
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular(): // and a pipe would have to be waited for
		return fmt.Errorf("%s is not a file", f.path)
	case info.Size() > lockoutsLongest:
		return fmt.Errorf("%d bytes are more than this program ever writes", info.Size())
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	return f.locks.Restore(now, data)
}

// putAside says that the file cannot be used, and moves it out of the way of the next one.
func (f *lockoutFile) putAside(why error) {
	aside, err := putAside(f.path)
	if err != nil {
		f.unread = true // and is not written over
		f.log.Warn("lock-outs were not restored, and none can be kept", "file", f.path, "error", why, "put_aside", err)
		return
	}
	f.log.Warn("lock-outs were not restored", "file", f.path, "error", why, "kept_as", aside)
}

// putAside renames a damaged file to a name that nothing has yet. A file that has gone by itself is no error.
func putAside(path string) (aside string, err error) {
	aside = path + ".damaged"
	for n := 2; ; n++ {
		_, err := os.Lstat(aside)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		aside = path + ".damaged." + strconv.Itoa(n)
	}
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return aside, nil
}

// keep writes the file whenever the locks have changed, and a last time when ctx is done. It blocks until then, and for as
// long as the disk takes.
func (f *lockoutFile) keep(ctx context.Context) {
	tick := time.NewTicker(lockoutsPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.follow()
			if !time.Now().Before(f.next) {
				f.save()
			}
		case <-f.asked:
			f.follow()
			f.save()
		case <-ctx.Done():
			f.follow()
			if !f.save() {
				f.log.Warn("lock-outs are lost: not all of them could be kept", "file", f.path)
			}
			return
		}
	}
}

// follow goes to another directory where a reload says so. The locks that it has are added, so that going back and forth
// ends none.
func (f *lockoutFile) follow() {
	if filepath.Join(f.dir(), filepath.Base(f.path)) == f.path {
		return
	}
	f.load(time.Now())
	f.written = 0 // the new directory has none of the others yet
	f.next, f.retry = time.Time{}, 0
	clear(f.warned)
}

// save writes the file unless it has everything already, and reports whether it has now. A flood of locks would have it
// written without end, so the next time waits in proportion to what this one took.
func (f *lockoutFile) save() bool {
	changes := f.locks.Changes() // before the snapshot, which may have more
	if changes == f.written {
		return true
	}
	begun := time.Now()
	err := f.replace(func(w io.Writer) error { return f.locks.Snapshot(begun, w) })
	ended := time.Now()
	wait := min(lockoutsPace*ended.Sub(begun), lockoutsPatience)
	if err != nil {
		f.retry = min(max(2*f.retry, lockoutsPoll), lockoutsPatience)
		f.next = ended.Add(max(f.retry, wait))
		f.warn(err)
		return false
	}
	f.written, f.retry, f.next = changes, 0, ended.Add(wait)
	if len(f.warned) > 0 {
		clear(f.warned)
		f.log.Info("lock-outs are kept again", "file", f.path)
	}
	return true
}

func (f *lockoutFile) replace(content func(io.Writer) error) error {
	if f.unread {
		aside, err := putAside(f.path)
		if err != nil {
			return err
		}
		f.unread = false
		f.log.Warn("the file of lock-outs that could not be read is out of the way", "file", f.path, "kept_as", aside)
	}
	return f.write(f.path, content)
}

// warn reports a failure unless there was one of its kind since the last success.
func (f *lockoutFile) warn(err error) {
	kind := err.Error()
	if code, ok := errors.AsType[syscall.Errno](err); ok {
		kind = code.Error() // without the name of the temporary file
	}
	if f.warned[kind] {
		return
	}
	f.warned[kind] = true
	f.log.Warn("lock-outs cannot be kept: a restart would end those that are new", "file", f.path, "error", err)
}
