package main

import (
	"log/slog"
	"net/netip"
	"time"

	"sallyport/policy"
)

// loggedLocks are the locks as an operator has them: what is unlocked is in the log, and in the file at once.
type loggedLocks struct {
	*policy.Lockouts
	log  *slog.Logger
	kept *lockoutFile
}

func (l loggedLocks) Unlock(now time.Time, prefix netip.Prefix) []netip.Prefix {
	sources := l.Lockouts.Unlock(now, prefix)
	if len(sources) > 0 {
		l.kept.hurry()
		l.log.Info("unlocked by an operator", "prefix", prefix, "sources", len(sources))
	}
	return sources
}
