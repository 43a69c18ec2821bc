package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// lockoutVersion is the version of the snapshots that are written, and the newest that is read.
const lockoutVersion = 1

// lockoutSnapshot is the form of a snapshot: JSON, locks in the order of their addresses.
type lockoutSnapshot struct {
	lockoutHeader
	Locks []Locked `json:"locks"`
}

type lockoutHeader struct {
	Version int `json:"version"`
}

// Snapshot writes all locks in a form for [Lockouts.Restore], by the wall clock. Failures that have not led to a lock
// are not in it: a restart forgives them. Errors are those of w.
func (l *Lockouts) Snapshot(now time.Time, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10) // lock by lock: as one piece, a million would need three times the memory
	fmt.Fprintf(out, `{"version":%d,"locks":[`, lockoutVersion)
	list := l.List(now)
	for i := range list {
		if i > 0 {
			out.WriteByte(',')
		}
		lock, err := json.Marshal(&list[i])
		if err != nil {
			panic("policy: a lock is always JSON: " + err.Error()) // years are bounded when they come in
		}
		if _, err := out.Write(lock); err != nil {
			return err
		}
	}
	out.WriteString("]}\n")
	return out.Flush()
}

// Restore adds the locks of a snapshot that have not ended; of two for one source the longer stays. On an error, as for
// a file that is cut off, was edited wrongly or comes from a newer version, nothing is restored.
func (l *Lockouts) Restore(now time.Time, data []byte) error {
	entries, err := lockoutParse(now, data)
	if err != nil {
		return fmt.Errorf("lock-outs: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e Locked) bool { return !e.Forever && !e.Until.After(now) })
	l.Sweep(now)
	if total := l.total(entries); total > l.size {
		return fmt.Errorf("lock-outs: %d sources are more than the %d that there is room for", total, l.size)
	}
	at := l.moment(now)
	for _, e := range entries {
		key, _ := limitSourceOfPrefix(e.Source)
		l.restore(at, key, e.lock(now, at))
	}
	return nil
}

// total returns how many locks there would be with those of entries.
func (l *Lockouts) total(entries []Locked) int {
	total := l.Stats().Locked
	for _, e := range entries {
		key, _ := limitSourceOfPrefix(e.Source)
		shard := l.shard(key)
		shard.Lock()
		if shard.locks.find(key) == nil {
			total++
		}
		shard.Unlock()
	}
	return total
}

// restore adds one lock.
func (l *Lockouts) restore(at time.Duration, key limitSource, lock lockoutLock) {
	var displaced lockoutPlace
	shard := l.shard(key)
	shard.Lock()
	if there := l.current(at, shard, key); there == nil {
		displaced = l.lock(at, shard, key, lock)
	} else if lock.until > there.until {
		lock.place = there.place
		*there = lock
	}
	shard.Unlock()
	l.displace(displaced)
}

// lock returns e as a lock. Times of the wall clock become moments here, so that a clock that is set afterwards
// makes no lock shorter or longer. A lock that begins in the future, because the clock is not set yet, begins now.
func (e *Locked) lock(now time.Time, at time.Duration) lockoutLock {
	begun := max(now.Sub(e.Since), 0)
	lock := lockoutLock{
		since:    at - begun,
		until:    lockoutForever,
		failures: int32(min(e.Failures, math.MaxInt32)),
		reason:   e.Reason,
	}
	if !e.Forever {
		lock.until = lock.since + e.Until.Sub(e.Since)
	}
	return lock
}

// lockoutParse reads a snapshot completely or not at all.
func lockoutParse(now time.Time, data []byte) ([]Locked, error) {
	var header lockoutHeader // alone: a newer version may have another form
	if err := json.Unmarshal(data, &header); err != nil {
		return nil, fmt.Errorf("not a complete snapshot: %w", err)
	}
	switch {
	case header.Version < 1:
		return nil, errors.New("not a snapshot: it has no version")
	case header.Version > lockoutVersion:
		return nil, fmt.Errorf("version %d was written by a newer program; this one reads up to version %d", header.Version, lockoutVersion)
	}
	var snapshot lockoutSnapshot
	decoder := json.NewDecoder(bytes.NewReader(data)) // the only one that can be strict; that nothing follows is known
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&snapshot); err != nil {
		return nil, fmt.Errorf("not a snapshot: %w", err)
	}
	known := make(map[Reason]bool)
	for _, e := range Reasons() {
		known[e.Reason] = true
	}
	for i := range snapshot.Locks {
		e := &snapshot.Locks[i]
		if err := e.check(now); err != nil {
			return nil, fmt.Errorf("lock %d: %w", i+1, err)
		}
		if !known[e.Reason] { // another version's: codes are a closed list, and the lock matters more
			e.Reason = SourceLocked
		}
	}
	return snapshot.Locks, nil
}

// check refuses what no snapshot has.
func (e *Locked) check(now time.Time) error {
	far := func(t time.Time) bool { return t.Sub(now).Abs() > lockoutHorizon }
	switch addr := e.Source.Addr(); {
	case !e.Source.IsValid():
		return errors.New("no source")
	case addr.Is4In6():
		return fmt.Errorf("source %s: an IPv4 address is written as one", e.Source)
	case addr.Is4() && !e.Source.IsSingleIP():
		return fmt.Errorf("source %s: an IPv4 source is a single address", e.Source)
	case e.Source.Bits() == 0 || e.Source != e.Source.Masked():
		return fmt.Errorf("source %s: not a source", e.Source)
	case e.Forever != e.Until.IsZero():
		return fmt.Errorf("source %s: has to have either until or forever", e.Source)
	case !e.Forever && e.Until.Before(e.Since):
		return fmt.Errorf("source %s: ends before it begins", e.Source)
	case far(e.Since), !e.Forever && far(e.Until):
		return fmt.Errorf("source %s: its time is more than a century away", e.Source)
	case e.Failures < 0:
		return fmt.Errorf("source %s: failures is negative", e.Source)
	}
	return nil
}
