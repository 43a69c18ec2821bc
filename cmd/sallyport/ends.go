package main

import (
	"context"
	"iter"
	"log/slog"
	"math"
	"time"

	"sallyport/certs"
	"sallyport/internal/admin"
)

// endWatch warns of certificates, CAs and revocation lists that end soon, once at each stage of [certs.Stage]. It
// outlives generations, so that a reload does not warn again. It is for one goroutine; the zero value is ready.
type endWatch struct{ told map[endKey]int }

// endKey identifies what ends, wherever it is kept.
type endKey struct {
	role, subject, serial string
	ends                  int64
}

// ending is something that ends.
type ending struct {
	role, subject, serial, file string
	begins, ends                time.Time
	usedBy                      []string
}

// revocationListRole stands beside the roles of certificates.
const revocationListRole = "revocation list"

// look warns of what is due now and returns when to look again; the zero time if nothing will ever be due.
func (w *endWatch) look(log *slog.Logger, inv *inventory, now time.Time) (next time.Time) {
	if inv == nil {
		return next
	}
	earlier := w.told
	w.told = make(map[endKey]int) // what is not in use any more is forgotten
	due := 0
	for e := range inv.endings() {
		if at := certs.NextStage(now, e.begins, e.ends); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
		days, news := w.stage(&e, earlier, now)
		if !news {
			continue
		}
		if due++; due <= mostChanges {
			e.log(log, now, days)
		}
	}
	if due > mostChanges {
		log.Warn("more certificates end soon; status lists all", "suppressed", due-mostChanges)
	}
	return next
}

// stage notes the stage that something is at, and reports whether it is to be told of.
func (w *endWatch) stage(e *ending, earlier map[endKey]int, now time.Time) (days int, news bool) {
	key := endKey{e.role, e.subject, e.serial, e.ends.Unix()}
	days, due := certs.Stage(now, e.begins, e.ends)
	before, known := earlier[key]
	switch {
	case known && (!due || before <= days): // told already, or an earlier stage because the clock was set back
		w.told[key] = before
		return before, false
	case due:
		w.told[key] = days
	}
	return days, due
}

// endings returns everything that ends.
func (inv *inventory) endings() iter.Seq[ending] {
	return func(yield func(ending) bool) {
		for i := range inv.certificates {
			c := &inv.certificates[i]
			if !yield(ending{c.Role, c.Subject, c.Serial, c.Files[0], c.NotBefore, c.NotAfter, c.UsedBy}) {
				return
			}
		}
		for i := range inv.lists {
			l := &inv.lists[i]
			if !yield(ending{role: revocationListRole, subject: l.Issuer, file: l.File, begins: l.ThisUpdate, ends: l.NextUpdate}) {
				return
			}
		}
	}
}

// log writes the warning of a stage.
func (e *ending) log(log *slog.Logger, now time.Time, days int) {
	message, level := "certificate ends soon", slog.LevelWarn
	if e.role == revocationListRole {
		message = "revocation list ends soon"
	}
	if days == 0 {
		message, level = "certificate has ended", slog.LevelError
		if e.role == revocationListRole {
			message = "revocation list has ended"
		}
		if e.role == admin.RoleAuthority {
			level = slog.LevelWarn // others may be valid
		}
	}
	attributes := []slog.Attr{slog.String("role", e.role), slog.String("subject", e.subject)}
	if e.serial != "" {
		attributes = append(attributes, slog.String("serial", e.serial))
	}
	attributes = append(attributes, slog.String("file", e.file), slog.Time("not_after", e.ends), slog.Int("days_left", daysLeft(now, e.ends)))
	if len(e.usedBy) > 0 {
		attributes = append(attributes, slog.String("used_by", fewUsers(e.usedBy)))
	}
	log.LogAttrs(context.Background(), level, message, attributes...)
}

// daysLeft counts whole days, below zero after the end.
func daysLeft(now, ends time.Time) int { return int(math.Floor(ends.Sub(now).Hours() / 24)) }
