package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
	"sallyport/proxy"
)

// TestUpkeep: rules that expire are told when they do, those of one day together, and audit mode once an hour.
func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		today := time.Now().UTC().Truncate(24 * time.Hour)
		rule := func(id string, days int) policy.Rule {
			return policy.Rule{ID: id, From: []string{"any"}, To: []string{"a/p"}, Owner: "test", Expires: today.AddDate(0, 0, days)}
		}
		src := &policy.Source{
			Ports: []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure}},
			Rules: []policy.Rule{rule("b", 0), rule("a", 0), rule("tomorrow", 1)},
			Audit: policy.Audit{All: true},
		}
		set, faults := policy.Compile(src, time.Now())
		if set == nil {
			t.Fatal(faults)
		}
		var log logText
		d := newDaemon("", newLogHandler(&log), nil)
		d.log = slog.New(slog.NewTextHandler(&log, nil))
		d.plan = &plan{config: &config.Config{}, policy: set}
		d.server = proxy.NewServer(d.log, 0)
		d.server.Swap(&proxy.Generation{})

		ctx, cancel := context.WithCancel(t.Context())
		go d.upkeep(ctx)
		time.Sleep(24*time.Hour - time.Second)
		synctest.Wait()
		if n := log.count("expired"); n != 0 {
			t.Errorf("a second before the end of the day: %s", &log)
		}
		if n := log.count("audit mode"); n != 23 {
			t.Errorf("audit mode was told of %d times in a day", n)
		}
		time.Sleep(time.Second + time.Millisecond) // it looks again at once, as there may be more
		synctest.Wait()
		if log.count(`rules="[a b]"`) != 1 || log.count("expired") != 1 {
			t.Errorf("at the end of the day: %s", &log)
		}
		time.Sleep(48*time.Hour + time.Millisecond)
		synctest.Wait()
		if log.count("rules=[tomorrow]") != 1 || log.count("expired") != 2 {
			t.Errorf("two days later: %s", &log)
		}
		cancel()
		synctest.Wait()
	})
}
