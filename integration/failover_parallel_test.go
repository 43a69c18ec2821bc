//go:build integration

package integration

import (
	"syscall"
	"testing"
)

// TestParallelServers spreads clients over two servers and lets one of them die: its sessions are closed, those of the
// other one go on, new clients go there, and come to both again once it is back.
func TestParallelServers(t *testing.T) {
	t.Parallel()
	for _, balance := range []string{"round_robin", "least_connections"} {
		t.Run(balance, func(t *testing.T) {
			r := newRig(t, pins{ports: "20001-20008", health: "20021-20022"})
			for _, f := range []*far{r.primary, r.backup} {
				f.startNamed(t)
				f.start(t)
			}
			r.startEgress(t, near{
				upstream: `parallel = ["` + r.primary.endpoint() + `", "` + r.backup.endpoint() + `"]` + "\n  balance = \"" + balance + `"`,
				health:   `interval = "200ms"`,
			})
			held := map[string]holder{}
			waitFor(t, "a session with each server", func() bool {
				h := r.holdAny(t)
				held[h.name] = h
				return len(held) == 2
			})
			clients := r.startLoad(t)
			clients.waitAnswer(t, "primary")
			clients.waitAnswer(t, "backup")
			r.primary.sidecar.signal(t, syscall.SIGKILL)
			held["primary"].waitClosed(t)
			clients.waitMore(t, 10) // those that began before
			clients.mark()
			clients.waitMore(t, 20)
			if clients.answered("primary") {
				t.Error("a server that is dead has answered")
			}
			r.primary.again(t)
			clients.waitAnswer(t, "primary")
			held["backup"].wantAlive(t)
			clients.waitMore(t, 20)
			clients.end()
			clients.wantNoLoss(t, r.primary)
		})
	}
}
