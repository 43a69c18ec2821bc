package listener

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Keys of log attributes.
const (
	keyAddress    = "address"
	keyError      = "error"
	keyName       = "name"
	keyRefused    = "refused"
	keySuppressed = "suppressed"
)

// One record at once and one every ten seconds after it: enough to see a condition
// and its end, too little to fill a disk.
const (
	logEvery = 10 * time.Second
	logBurst = 1
)

// throttle writes warnings that may come by the thousand. What it suppressed is counted on
// the next record that it writes. It is safe for concurrent use.
type throttle struct {
	log        *slog.Logger
	limit      *rate.Limiter
	suppressed atomic.Int64
}

func newThrottle(log *slog.Logger) *throttle {
	return &throttle{log: log, limit: rate.NewLimiter(rate.Every(logEvery), logBurst)}
}

func (t *throttle) warn(message string, attrs ...slog.Attr) {
	if !t.limit.Allow() {
		t.suppressed.Add(1)
		return
	}
	if n := t.suppressed.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64(keySuppressed, n))
	}
	t.log.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}
