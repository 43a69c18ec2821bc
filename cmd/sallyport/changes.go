package main

import (
	"fmt"
	"log/slog"

	"sallyport/internal/admin"
	"sallyport/internal/config"
)

// changes says in words what is different between the plan in force and an older one; nothing where there was none.
func (d *daemon) changes(before *plan) admin.Changes {
	after := d.inForce()
	if before == nil || before == after {
		return admin.Changes{}
	}
	return after.changes(before)
}

// changes compares all of two plans that are or were in force.
func (p *plan) changes(older *plan) admin.Changes {
	c := admin.Changes{
		Policy:       p.policyChanges(older),
		Certificates: bounded(certificateChanges(older.held, p.held)),
		Trust:        bounded(trustChanges(older.held, p.held)),
	}
	for _, change := range config.Diff(older.config, p.config) {
		if change.Port != "" {
			c.Ports = append(c.Ports, change.Text)
		} else {
			c.Settings = append(c.Settings, change.Text)
		}
	}
	c.Ports, c.Settings = bounded(c.Ports), bounded(c.Settings)
	return c
}

// bounded cuts a list of changes or problems to what somebody will read.
func bounded(list []string) []string {
	if len(list) <= mostChanges {
		return list
	}
	return append(list[:mostChanges:mostChanges], fmt.Sprintf("and %d more", len(list)-mostChanges))
}

// logChanges writes a record for each change.
func logChanges(log *slog.Logger, c *admin.Changes) {
	for _, kind := range []struct {
		message string
		changes []string
	}{
		{"certificate changed", c.Certificates},
		{"trust changed", c.Trust},
		{"port changed", c.Ports},
		{"setting changed", c.Settings},
		{"policy changed", c.Policy},
	} {
		for _, change := range kind.changes {
			log.Info(kind.message, "change", change)
		}
	}
}
