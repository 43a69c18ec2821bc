package main

import (
	"slices"

	"sallyport/internal/admin"
	"sallyport/internal/config"
)

// reloadTally counts reloads since the start. The zero value is ready.
type reloadTally struct{ counts []admin.ReloadCount }

func (t *reloadTally) add(r *admin.Reload) {
	i := slices.IndexFunc(t.counts, func(c admin.ReloadCount) bool { return c.Trigger == r.Trigger })
	if i < 0 {
		i = len(t.counts)
		t.counts = append(t.counts, admin.ReloadCount{Trigger: r.Trigger})
	}
	if r.OK {
		t.counts[i].Succeeded++
	} else {
		t.counts[i].Failed++
	}
}

// list returns the counts of every trigger, those that never came included.
func (t *reloadTally) list() []admin.ReloadCount {
	var all []admin.ReloadCount
	for _, trigger := range admin.Triggers() {
		count := admin.ReloadCount{Trigger: trigger}
		for _, c := range t.counts {
			if c.Trigger == trigger {
				count = c
			}
		}
		all = append(all, count)
	}
	return all
}

// warningTexts returns the warnings, those apart that the passing of time brings: the log has them once when they
// are due, and not again at every reload.
func warningTexts(problems config.Problems) (lasting, passing []string) {
	for _, p := range problems.Warnings() {
		if p.Passing {
			passing = append(passing, p.String())
		} else {
			lasting = append(lasting, p.String())
		}
	}
	return lasting, passing
}
