package main

import (
	"context"
	"time"

	"sallyport/internal/admin"
)

// retryInterval is between attempts to reload after one that failed.
const retryInterval = 30 * time.Second

// retry tries a reload that failed again, until ctx ends. Not every failure ends with a change of a file that is watched: a
// certificate or revocation list becomes valid, another process gives an address up, a name resolves again.
func (d *daemon) retry(ctx context.Context) {
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.tryAgain(ctx)
		}
	}
}

// tryAgain reloads if the latest reload failed and files are watched. It logs the outcome only if that is another one.
func (d *daemon) tryAgain(ctx context.Context) {
	before := d.failed()
	if before == nil || !d.watches() {
		return
	}
	if result := d.change(ctx, admin.TriggerRetry); !sameFailure(before, digest(result)) {
		d.tell(result)
	}
}

// failed returns the latest reload if it failed, nil otherwise.
func (d *daemon) failed() *admin.Reload {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping || !admin.FailedLast(d.reloads.success, d.reloads.failure) {
		return nil
	}
	return d.reloads.failure
}
