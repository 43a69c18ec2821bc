package upstream

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
)

// Attributes of what a group logs.
const (
	keyApplication = "application"
	keyEndpoint    = "endpoint"
	keyRole        = "role"
	keyError       = "error"
	keyFailures    = "failures"  // in a row
	keySuccesses   = "successes" // in a row
	keyFrom        = "from"
	keyTo          = "to"
	keyReason      = "reason"
	keyCut         = "cut" // sessions
)

// note logs once the step is over. The lock is held.
func (g *Group) note(level slog.Level, text string, attrs ...slog.Attr) {
	g.later(func() { g.log.LogAttrs(context.Background(), level, text, attrs...) })
}

// noteOf logs about an endpoint. The lock is held.
func (g *Group) noteOf(m *member, level slog.Level, text string, attrs ...slog.Attr) {
	g.note(level, text, append([]slog.Attr{slog.String(keyEndpoint, m.name), slog.String(keyRole, m.role)}, attrs...)...)
}

// maxProblem is how much of an error is kept for people, in bytes: enough for a lack of source ports and what helps.
const maxProblem = 512

// problemOf returns the text of an error, which a peer may have had its part in, fit to be shown.
func problemOf(err error) string {
	text := err.Error()
	if len(text) > maxProblem {
		text = text[:maxProblem]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, ""))
}
