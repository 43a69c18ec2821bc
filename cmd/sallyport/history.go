package main

import (
	"slices"

	"sallyport/internal/admin"
)

// history is what came of the reloads since the start. The zero value is ready. The daemon's lock guards it.
type history struct {
	success *admin.Reload // the latest that succeeded
	failure *admin.Reload // the latest that failed; it stays when a later one succeeds
	counts  []admin.ReloadCount
}

// add notes a reload. One that was tried again and failed for the same reasons is counted, but stays at the time at which
// that began.
func (h *history) add(r *admin.Reload) {
	h.count(r)
	switch {
	case r.OK:
		h.success = r
	case r.Trigger != admin.TriggerRetry || !sameFailure(h.failure, r):
		h.failure = r
	}
}

func (h *history) count(r *admin.Reload) {
	i := slices.IndexFunc(h.counts, func(c admin.ReloadCount) bool { return c.Trigger == r.Trigger })
	if i < 0 {
		i = len(h.counts)
		h.counts = append(h.counts, admin.ReloadCount{Trigger: r.Trigger})
	}
	if r.OK {
		h.counts[i].Succeeded++
	} else {
		h.counts[i].Failed++
	}
}

// list returns the counts of every trigger, those that never came included.
func (h *history) list() []admin.ReloadCount {
	var all []admin.ReloadCount
	for _, trigger := range admin.Triggers() {
		count := admin.ReloadCount{Trigger: trigger}
		for _, c := range h.counts {
			if c.Trigger == trigger {
				count = c
			}
		}
		all = append(all, count)
	}
	return all
}

// sameFailure reports whether a reload failed for the same reasons as an earlier one.
func sameFailure(earlier, later *admin.Reload) bool {
	return earlier != nil && !later.OK && slices.Equal(earlier.Problems, later.Problems)
}
