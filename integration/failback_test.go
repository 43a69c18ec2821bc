//go:build integration

package integration

import (
	"slices"
	"strings"
	"syscall"
	"testing"
)

// startPairOfHosts starts a primary and its backup, Redis and sidecar each, and the sidecar beside the client with lines
// of its upstream. There are active checks.
func startPairOfHosts(t *testing.T, upstream ...string) *rig {
	t.Helper()
	r := newRig(t, pins{ports: "20001-20008", backup: "20011-20020", health: "20021-20022"})
	for _, f := range []*far{r.primary, r.backup} {
		f.startNamed(t)
		f.start(t)
	}
	r.startEgress(t, near{upstream: r.both(upstream...), health: `interval = "200ms"`})
	return r
}

// operate runs a command of an operator, which has to succeed.
func (r *rig) operate(t *testing.T, command string) {
	t.Helper()
	if got := r.egress.command(t, command, "to-server"); got.code != 0 {
		t.Fatalf("%s: exit code %d\n%s", command, got.code, got.all)
	}
}

// TestFailbackByHand lets a primary die and come back, with failback = "manual": clients stay with the backup until
// somebody says so, also when the sidecar is restarted meanwhile, and then nobody loses a session.
func TestFailbackByHand(t *testing.T) {
	t.Parallel()
	r := startPairOfHosts(t, `failback = "manual"`)
	clients := r.startLoad(t)
	clients.waitAnswer(t, "primary")
	clients.mark()
	r.primary.sidecar.signal(t, syscall.SIGKILL)
	clients.waitAnswer(t, "backup")
	r.primary.again(t)
	r.egress.out.waitLine(t, `"endpoint is healthy"`)
	clients.waitMore(t, 10) // those that began before
	clients.wantNoLoss(t, r.primary)
	clients.mark()
	clients.waitMore(t, 20)
	if clients.answered("primary") {
		t.Error("clients are back on the primary, and nobody said so")
	}
	held := r.hold(t, "backup")
	next := r.startNext(t)
	r.egress.waitSuccessor(t, r.egress.cmd.Process.Pid)
	clients.waitMore(t, 20)
	if clients.answered("primary") {
		t.Error("a restart has brought clients back on the primary")
	}
	r.operate(t, "failback")
	clients.waitAnswer(t, "primary")
	clients.waitMore(t, 10)
	held.wantAlive(t)
	clients.end()
	clients.wantNoLoss(t)
	next.signal(t, syscall.SIGTERM)
}

// TestFailoverByHand has an operator switch back and forth under load. Sessions are closed or kept as on_failover says,
// the new ones always succeed.
func TestFailoverByHand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		onFailover string
		closed     bool
	}{
		{"close", true},
		{"keep", false},
	} {
		t.Run(test.onFailover, func(t *testing.T) {
			r := startPairOfHosts(t, `failback = "auto"`, `failback_hold = "0s"`, `on_failover = "`+test.onFailover+`"`)
			clients := r.startLoad(t)
			clients.waitMore(t, 5)
			held := r.hold(t, "primary")
			clients.mark()
			r.operate(t, "failover")
			clients.waitAnswer(t, "backup")
			var gone []*far
			if test.closed {
				gone = append(gone, r.primary)
				held.waitClosed(t)
				r.egress.wantRecord(t, fields{keySource: held.conn.LocalAddr(), keyCloseReason: "failover", keyClosedBy: "sallyport"})
			} else {
				held.wantAlive(t)
			}
			clients.waitMore(t, 10) // those that began before
			clients.wantNoLoss(t, gone...)
			clients.mark()
			clients.waitMore(t, 20)
			if clients.answered("primary") {
				t.Error("the primary is back in use although the operator has chosen the backup")
			}
			onBackup := r.hold(t, "backup")
			r.operate(t, "failback")
			clients.waitAnswer(t, "primary")
			clients.waitMore(t, 10)
			onBackup.wantAlive(t)
			clients.end()
			clients.wantNoLoss(t)
		})
	}
}

// TestFailoverRefused has an operator switch to a backup that is not well: he is told, and nothing happens. With both
// endpoints dead, clients are refused at once, and served as soon as one is back.
func TestFailoverRefused(t *testing.T) {
	t.Parallel()
	r := startPairOfHosts(t)
	held := r.hold(t, "primary")
	r.backup.sidecar.signal(t, syscall.SIGKILL)
	r.egress.out.waitLine(t, `"endpoint is unhealthy"`)
	got := r.egress.command(t, "failover", "to-server")
	if got.code == 0 || !strings.Contains(got.all, r.backup.endpoint()) {
		t.Errorf("failover to a dead backup: exit code %d\n%s", got.code, got.all)
	}
	held.wantAlive(t)
	r.primary.sidecar.signal(t, syscall.SIGKILL)
	held.waitClosed(t)
	refused := fields{keyVerdict: verdictAllow, keyCloseReason: "upstream_down", keyError: containing(r.backup.endpoint())}
	waitFor(t, "clients to be refused at once", func() bool {
		if conn, err := r.clients.connect(nearAddress); err == nil { // they may be refused before they know that they were accepted
			wantRefused(t, conn)
		}
		return slices.ContainsFunc(r.egress.sessions(), refused.match)
	})
	r.backup.again(t)
	clients := r.startLoad(t)
	clients.waitAnswer(t, "backup")
}

// answered reports whether a host has answered since the last mark.
func (l *load) answered(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.first[name].IsZero()
}
