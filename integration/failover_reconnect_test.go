//go:build integration

package integration

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestStormReconnect kills a primary with many sessions, whose clients all come back in the same moment: each gets through
// to the backup at its first attempt.
func TestStormReconnect(t *testing.T) {
	t.Parallel()
	for _, standby := range []string{"warm", "hot"} {
		t.Run(standby, func(t *testing.T) {
			clients := storms(100, 1000)
			r := newRig(t, pins{ports: fmt.Sprintf("20001-%d", 20000+clients), backup: fmt.Sprintf("22001-%d", 22001+clients)})
			for _, f := range []*far{r.primary, r.backup} {
				f.startNamed(t)
				f.start(t)
			}
			// All of them take their time, in which nobody may be refused, with the dial_timeout that there is by default.
			r.startEgress(t, near{upstream: r.both(`standby = "` + standby + `"`), wait: "15s", dial: "5s"})
			held := make([]holder, clients)
			parallel(t, clients, func(i int) (err error) {
				held[i], err = r.begin()
				if err == nil && held[i].name != "primary" {
					err = fmt.Errorf("with the %q", held[i].name)
				}
				return err
			})
			var back sync.WaitGroup
			for i, h := range held {
				back.Go(func() {
					h.waitClosed(t)
					h.conn.Close()
					again, err := r.begin()
					if err != nil || again.name != "backup" {
						t.Errorf("client %d came back to %q: %v", i, again.name, err)
						return
					}
					again.conn.Close()
				})
			}
			died := time.Now()
			r.primary.sidecar.signal(t, syscall.SIGKILL)
			back.Wait()
			if t.Failed() {
				t.Fatalf("not everybody was served by the backup; the log says why:\n%s", refusals(r.egress))
			}
			t.Logf("figure: sidecar killed, %s standby: %d clients that had sessions were all served by the backup after %s", standby, clients, round(time.Since(died)))
		})
	}
}

// refusals returns the records of the sessions that were not connected.
func refusals(s *sallyport) string {
	var text strings.Builder
	for _, r := range s.sessions() {
		if r.text(keyUpstreamLocal) == "" {
			fmt.Fprintf(&text, "%s: %s: %s\n", r.text(keySource), r.text(keyCloseReason), r.text(keyError))
		}
	}
	return text.String()
}
