//go:build integration

package integration

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// death is a way in which a primary dies, and how it comes back.
type death struct {
	name      string
	kill      func(t *testing.T, f *far, server *process)
	heal      func(t *testing.T, f *far, server *process) *process // returns the server that is there now
	byPayload bool                                                 // who only sees sessions fail notices
}

func frozen(p func(f *far, server *process) int) (kill func(*testing.T, *far, *process), heal func(*testing.T, *far, *process) *process) {
	kill = func(t *testing.T, f *far, server *process) { must(t, syscall.Kill(p(f, server), syscall.SIGSTOP)) }
	heal = func(t *testing.T, f *far, server *process) *process {
		must(t, syscall.Kill(p(f, server), syscall.SIGCONT))
		return server
	}
	return kill, heal
}

func deaths() []death {
	freezeSidecar, thawSidecar := frozen(func(f *far, _ *process) int { return f.sidecar.cmd.Process.Pid })
	freezeServer, thawServer := frozen(func(_ *far, server *process) int { return server.cmd.Process.Pid })
	return []death{
		{
			"sidecar killed",
			func(t *testing.T, f *far, _ *process) { f.sidecar.signal(t, syscall.SIGKILL) },
			func(t *testing.T, f *far, server *process) *process { f.again(t); return server },
			true,
		},
		{"sidecar frozen", freezeSidecar, thawSidecar, true},
		{
			"server killed",
			func(t *testing.T, _ *far, server *process) { server.signal(t, syscall.SIGKILL) },
			func(t *testing.T, f *far, _ *process) *process { return f.startNamed(t) },
			false, // the sidecar before it still shakes hands
		},
		{"server frozen", freezeServer, thawServer, false},
		{
			"network cut",
			func(t *testing.T, f *far, _ *process) { f.unplug(t) },
			func(t *testing.T, f *far, server *process) *process { f.plug(t, f.socket); return server },
			true,
		},
	}
}

// timing is how soon a dead endpoint is noticed: sooner than by default, so that many deaths fit into a test; the long run
// takes its figures with the defaults.
func timing() (interval, dial string) {
	if os.Getenv(soakVariable) == "1" {
		return "2s", "5s"
	}
	return "500ms", "3s"
}

// TestStormFailover lets the primary die in every way while clients come without a pause, and come back. Sessions of the
// dead endpoint are closed; no other session fails, neither the new ones nor those on the backup.
func TestStormFailover(t *testing.T) {
	t.Parallel()
	for _, standby := range []string{"warm", "hot"} {
		for _, checks := range []string{"active", "passive"} {
			t.Run(standby+" standby, "+checks+" checks", func(t *testing.T) {
				t.Parallel()
				testDeaths(t, standby, checks == "active")
			})
		}
	}
}

func testDeaths(t *testing.T, standby string, active bool) {
	p := pins{ports: "20001-20008", backup: "20011-20020"}
	interval, dial := timing()
	health, noticed := "", "sessions alone, dial_timeout "+dial
	if active {
		noticed = "checks every " + interval

		p.health = "20021-20022"
		health = fmt.Sprintf(`interval = %q
timeout = "1s"
send = "PING\r\n"
expect = "^\\+PONG"`, interval)
	}
	r := newRig(t, p)
	server := r.primary.startNamed(t)
	r.backup.startNamed(t)
	r.primary.start(t)
	r.backup.start(t)
	r.startEgress(t, near{upstream: r.both(`standby = "`+standby+`"`, `failback_hold = "1s"`), health: health, dial: dial})
	clients := r.startLoad(t)
	clients.waitMore(t, 10)
	var survivors []holder
	for _, d := range deaths() {
		if !active && !d.byPayload {
			continue
		}
		spares := 0
		if standby == "hot" {
			spares = r.waitSpare(t)
		}
		doomed := r.hold(t, "primary")
		ended := make(chan time.Time, 1)
		go func() { ended <- doomed.waitClosed(t) }()
		clients.mark()
		died := time.Now()
		d.kill(t, r.primary, server)
		toBackup := clients.waitAnswer(t, "backup").Sub(died)
		closed := (<-ended).Sub(died)
		if standby == "hot" && r.egress.admin().status(t).Upstreams[0].Spare.Taken <= spares {
			t.Errorf("%s: no session has taken the spare connection", d.name)
		}
		survivors = append(survivors, r.hold(t, "backup"))
		clients.waitMore(t, 10)

		clients.mark()
		healed := time.Now()
		server = d.heal(t, r.primary, server)
		back := clients.waitAnswer(t, "primary").Sub(healed)
		clients.waitMore(t, 10)
		for _, h := range survivors {
			h.wantAlive(t)
		}
		t.Logf("figure: %s, %s standby, health by %s: first session on the backup after %s, the dead one's closed after %s; back on the primary %s after it came back; new sessions that had reached it and died with it: %d, lost: 0",
			d.name, standby, noticed, round(toBackup), round(closed), round(back), clients.wantNoLoss(t, r.primary))
		if t.Failed() {
			t.Fatalf("after: %s", d.name)
		}
	}
	clients.end()
	clients.wantNoLoss(t)
	if active {
		wantChecksApart(t, r.primary)
		wantChecksApart(t, r.backup)
	}
}

// wantChecksApart expects that health checks, which ask for something that clients do not, come from the ports that are
// meant for them, and clients from the others.
func wantChecksApart(t *testing.T, f *far) {
	t.Helper()
	fromHealth := regexp.MustCompile(`:2002[12]$`).MatchString
	checks := 0
	for _, r := range f.sidecar.sessions() {
		isCheck := r.text(keyBytesIn) == strconv.Itoa(len("PING\r\n"))
		if isCheck {
			checks++
		}
		if r.text(keyBytesIn) != "0" && isCheck != fromHealth(r.text(keySource)) {
			t.Errorf("%s: a check from a port of clients, or a client from one of checks: %v", f.name, r)
		}
	}
	if checks == 0 {
		t.Errorf("%s: no check is in its log", f.name)
	}
}

// waitSpare waits until there is a spare connection to the backup, and returns how many sessions have taken one so far.
func (r *rig) waitSpare(t *testing.T) (taken int) {
	t.Helper()
	waitFor(t, "a spare connection", func() bool {
		spare := r.egress.admin().status(t).Upstreams[0].Spare
		taken = spare.Taken
		return spare.Ready
	})
	return taken
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
