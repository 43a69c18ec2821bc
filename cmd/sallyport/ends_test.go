package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/policy"
	"sallyport/proxy"
)

// endLog returns a logger without times.
func endLog(out *logText) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "not_after" {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestEndWatch(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	certificate := func(role, subject string, left time.Duration) admin.Certificate {
		return admin.Certificate{
			Role: role, Subject: subject, Serial: "1f", NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.Add(left),
			Files: []string{subject + ".crt"}, UsedBy: []string{"a/p", "a/q", "a/r", "a/s"},
		}
	}
	inv := &inventory{
		certificates: []admin.Certificate{
			certificate(admin.RoleAuthority, "old CA", -time.Hour),
			certificate(admin.RoleLeaf, "old", -time.Hour),
			certificate(admin.RoleLeaf, "soon", 13*day),
			certificate(admin.RoleIntermediate, "issuing", 31*day),
		},
		lists: []admin.RevocationList{{Issuer: "our CA", File: "ca.crl", ThisUpdate: now.Add(-5 * day), NextUpdate: now.Add(2 * day)}},
	}
	var log logText
	var w endWatch
	next := w.look(endLog(&log), inv, now)
	want := `level=WARN msg="certificate has ended" role=authority subject="old CA" serial=1f file="old CA.crt" days_left=-1 used_by="a/p, a/q, a/r and 1 more"
level=ERROR msg="certificate has ended" role=leaf subject=old serial=1f file=old.crt days_left=-1 used_by="a/p, a/q, a/r and 1 more"
level=WARN msg="certificate ends soon" role=leaf subject=soon serial=1f file=soon.crt days_left=13 used_by="a/p, a/q, a/r and 1 more"
level=WARN msg="revocation list ends soon" role="revocation list" subject="our CA" file=ca.crl days_left=2
`
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := now.Add(day); !next.Equal(want) {
		t.Errorf("looks again at %s, want %s", next, want)
	}

	// Nothing again at the same stage, nor when the clock was set back; a successor in its place begins anew.
	log = logText{}
	w.look(endLog(&log), inv, now.Add(time.Hour))
	w.look(endLog(&log), inv, now.Add(-5*day))
	w.look(endLog(&log), inv, now.Add(time.Hour))
	if log.String() != "" {
		t.Errorf("warned again: %s", log.String())
	}
	renewed := &inventory{certificates: []admin.Certificate{certificate(admin.RoleLeaf, "soon", 8*day)}}
	if w.look(endLog(&log), renewed, now); log.count("days_left=8") != 1 {
		t.Errorf("a successor: %s", log.String())
	}
	if w.look(endLog(&log), inv, now); log.count("days_left=13") != 1 {
		t.Errorf("what came back: %s", log.String())
	}
	if next := new(endWatch).look(endLog(&log), nil, now); !next.IsZero() {
		t.Errorf("looks for nothing at %s", next)
	}
}

func TestEndWatchIsBounded(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	inv := new(inventory)
	for i := range 1000 {
		inv.certificates = append(inv.certificates, admin.Certificate{
			Role: admin.RoleLeaf, Serial: fmt.Sprint(i), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, 5), Files: []string{"x"},
		})
	}
	var log logText
	var w endWatch
	w.look(endLog(&log), inv, now)
	if log.count("certificate ends soon") != mostChanges || log.count("suppressed=900") != 1 {
		t.Errorf("%d records: %.2000s", log.count("\n"), log.String())
	}
	w.look(endLog(&log), inv, now)
	if log.count("\n") != mostChanges+1 {
		t.Error("what was suppressed is told of at the next look")
	}
}

// TestUpkeepWarnsOfEnds: each stage is told of once, when it comes, although nothing is reloaded, and not again
// although everything is.
func TestUpkeepWarnsOfEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		began := time.Now()
		set, faults := policy.Compile(&policy.Source{Ports: []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure}}}, began)
		if set == nil {
			t.Fatal(faults)
		}
		held := func() *inventory {
			return &inventory{certificates: []admin.Certificate{{
				Role: admin.RoleLeaf, Subject: "cs", Serial: "1", NotBefore: began.AddDate(-1, 0, 0), NotAfter: began.Add(31 * day), Files: []string{"cs.crt"},
			}}}
		}
		var log logText
		d := newDaemon("", newLogHandler(&log), nil)
		d.log = slog.New(slog.NewTextHandler(&log, nil))
		d.server = proxy.NewServer(d.log, 0)
		d.server.Swap(&proxy.Generation{})
		install := func() {
			d.mu.Lock()
			d.plan = &plan{config: &config.Config{}, policy: set, held: held()}
			d.mu.Unlock()
			select {
			case d.replaced <- struct{}{}:
			default:
			}
		}
		install()
		ctx, cancel := context.WithCancel(t.Context())
		go d.upkeep(ctx)
		for _, stage := range []struct {
			at   time.Duration
			left string
			told int
		}{
			{day - 1, "", 0},
			{day, "days_left=30", 1},
			{17 * day, "days_left=14", 2},
			{24 * day, "days_left=7", 3},
			{28 * day, "days_left=3", 4},
			{30 * day, "days_left=1", 5},
			{31*day + 1, "has ended", 6},
			{40 * day, "", 6},
		} {
			time.Sleep(time.Until(began.Add(stage.at)))
			synctest.Wait()
			for range 3 {
				install()
				synctest.Wait()
			}
			if n := log.count("subject=cs"); n != stage.told || !strings.Contains(log.String(), stage.left) {
				t.Errorf("after %s: %d warnings, want %d, the last with %q:\n%s", stage.at, n, stage.told, stage.left, log.String())
			}
		}
		cancel()
		synctest.Wait()
	})
}
