package main

import (
	"context"
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
	told, earlier := make(map[endKey]int), w.told // what is not in use any more is forgotten
	suppressed, written := 0, 0
	visit := func(e *ending) {
		if at := certs.NextStage(now, e.begins, e.ends); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
		days, due := certs.Stage(now, e.begins, e.ends)
		key := endKey{e.role, e.subject, e.serial, e.ends.Unix()}
		if before, known := earlier[key]; known && (!due || before <= days) { // not due, or less, if the clock was set back
			told[key] = before
			return
		}
		if !due {
			return
		}
		told[key] = days
		if written++; written > mostChanges {
			suppressed++
			return
		}
		e.log(log, now, days)
	}
	for i := range inv.certificates {
		c := &inv.certificates[i]
		visit(&ending{c.Role, c.Subject, c.Serial, c.Files[0], c.NotBefore, c.NotAfter, c.UsedBy})
	}
	for i := range inv.lists {
		l := &inv.lists[i]
		visit(&ending{role: revocationListRole, subject: l.Issuer, file: l.File, begins: l.ThisUpdate, ends: l.NextUpdate})
	}
	if suppressed > 0 {
		log.Warn("more certificates end soon; status lists all", "suppressed", suppressed)
	}
	w.told = told
	return next
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
