package main

import (
	"context"
	"slices"
	"time"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/internal/watch"
)

// mostReadings bounds how often everything is read again because it named files that the snapshot does not show. What changes
// in those that are left over leads to one more reload.
const mostReadings = 4

// reading is what a change begins with: everything that was read, and a snapshot of the files from before.
type reading struct {
	plan     *plan // nil if the file itself could not be read
	problems config.Problems
	set      watch.Set       // every file that was read, or would have been
	before   *watch.Snapshot // nil: not watched
}

// read reads everything so that no later change of it is missed: see the protocol of package watch.
func (d *daemon) read() reading {
	var r reading
	r.before = d.watcher.Snapshot(d.followed)
	for range mostReadings {
		p := drawUp(d.path, d.sources)
		r.plan, r.problems, r.set = p.plan, p.problems, p.set(d.path)
		if !r.watches() || r.before.Covers(r.set) {
			break
		}
		r.before = d.watcher.Snapshot(union(d.followed, r.set)) // both are followed if this fails
	}
	return r
}

// watches reports whether what was read is to be watched. A configuration that could not be read is: it has to be noticed when
// it can be read again.
func (r *reading) watches() bool { return r.plan == nil || r.plan.config.Reload.Watch }

// follow has everything that was read watched from now on. After a change that failed, that is what is in force and what
// was tried, so that it is tried anew as soon as somebody mends any of it.
func (d *daemon) follow(r reading, ok bool) {
	switch {
	case ok && !r.watches():
		d.followed = watch.Set{}
	case ok:
		d.followed = r.set
		d.watcher.Recheck(r.plan.config.Reload.Recheck)
	case !d.watches():
		return
	default:
		d.followed = union(d.followed, r.set)
	}
	d.watcher.Follow(d.followed, r.before)
}

// watches reports whether the state in force wants its files watched.
func (d *daemon) watches() bool {
	inForce := d.inForce()
	return inForce != nil && inForce.config.Reload.Watch
}

// watch reads everything anew whenever a file that counts has changed, until ctx ends.
func (d *daemon) watch(ctx context.Context) {
	d.watcher.Run(ctx, func() { d.reload(ctx, admin.TriggerWatch) })
}

// union returns what is in either set, each item once.
func union(a, b watch.Set) watch.Set {
	return watch.Set{Files: distinct(slices.Concat(a.Files, b.Files)), Globs: distinct(slices.Concat(a.Globs, b.Globs))}
}

// set returns every file that the planner has read, or would have if it were there.
func (p *planner) set(path string) watch.Set {
	set := watch.Set{Files: append(p.files, path)}
	if p.plan == nil {
		return set
	}
	cfg := p.plan.config
	for _, pattern := range cfg.Policy.Patterns {
		if pattern.Glob {
			set.Globs = append(set.Globs, pattern.Value)
		} else {
			set.Files = append(set.Files, pattern.Value)
		}
	}
	if len(p.plan.selfMade) > 0 {
		made, _ := certs.DevelopmentFiles(cfg.Host.StateDir)
		set.Files = append(set.Files, filesOf(made)...)
	}
	return union(set, watch.Set{}) // certificates that several ports have are in it once for each
}

// filesOf returns the paths that a level names.
func filesOf(f certs.Files) []string {
	all := slices.Concat(f.Certificates, f.Keys, f.CRLs, []string{f.PasswordFile, f.TrustedCA})
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// watchStatus describes the watch.
func (d *daemon) watchStatus(inForce *plan) admin.Watch {
	state := d.watcher.State()
	s := admin.Watch{
		On:          inForce.config.Reload.Watch,
		Files:       state.Files,
		Directories: state.Directories,
		Deaf:        state.Deaf,
		LastLook:    known(state.LastLook),
		LastChange:  known(state.LastSignal),
	}
	if state.Err != nil {
		s.Error = state.Err.Error()
	}
	return s
}

// known returns a time in UTC, nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
