package upstream

import (
	"context"
	"log/slog"
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
