package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/admin"
	"sallyport/listener"
)

func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Serve what the configuration says",
		Long: `Serve what the configuration says, in the foreground, until a signal ends it.

  SIGHUP            read everything anew, as happens by itself when a file changes; if anything
                    is wrong, nothing changes
  SIGTERM, SIGINT   take no new sessions, wait up to drain_timeout for those there are, exit
  the same again    exit at once

Records go to standard error, one for each session. Under systemd, use Type=notify or
Type=notify-reload; the watchdog and socket activation work. Without any certificate in the
configuration, a development CA and certificates are made in the state directory.`,
		Example: "  sallyport run --config /etc/sallyport/config.toml",
		Args:    cobra.NoArgs,
	}
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d := newDaemon(*path, newLogHandler(cmd.ErrOrStderr()), listener.Inherited())
		return fail(d.run(cmd))
	}
	return cmd
}

// run starts the program and blocks until it has ended.
func (d *daemon) run(cmd *cobra.Command) error {
	signals := catchSignals()
	defer signals.stop()
	first := d.change(cmd.Context(), admin.TriggerStart)
	if !first.OK {
		for _, problem := range first.Problems {
			fmt.Fprintln(cmd.ErrOrStderr(), problem)
		}
		return errors.Join(fmt.Errorf("not started: %s", count(len(first.Problems), "problem")), d.sockets.Close())
	}
	for _, warning := range first.Warnings {
		d.log.Warn("configuration", "problem", warning)
	}
	d.log.Info("started", "version", version(), "pid", os.Getpid(), "config", d.path, "ports", len(d.plan.ports), "max_connections", d.plan.maxConnections, "policy", d.plan.policyLine())
	d.notify.ready()

	background, stopBackground := context.WithCancel(context.Background())
	defer stopBackground()
	go d.notify.watch(background, func() { d.Status() })
	go d.upkeep(background)

	keeping, stopKeeping := context.WithCancel(context.Background())
	var keepers sync.WaitGroup
	keepers.Go(func() { d.kept.keep(keeping) })
	defer keepers.Wait()
	defer stopKeeping()

	// Apart, since reading files can hang and a signal to end must not wait for that.
	go d.watch(background)
	go d.retry(background)
	go func() {
		for range signals.reload {
			d.reload(context.Background(), admin.TriggerSignal)
		}
	}()
	return d.end(<-signals.end, signals)
}

// end takes no new sessions and waits for those there are: until they are done, drain_timeout is
// over, or a second signal comes.
func (d *daemon) end(sig os.Signal, signals *signals) error {
	timeout := d.stop()
	d.notify.stopping()
	d.log.Info("draining", "signal", sig.String(), "sessions", d.server.Sessions(), "timeout", timeout)
	started := time.Now()
	closing := d.sockets.Close()
	d.serving.Wait()

	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	go func() {
		select {
		case <-signals.end:
			cancel()
		case <-ctx.Done():
		}
	}()
	cut, _ := d.server.Drain(ctx)
	d.endpoint.close()
	d.log.Info("stopped", "sessions_cut", cut, "drained_ms", time.Since(started).Milliseconds())
	return closing
}

// stop makes the generation in force the last one and returns how long its sessions have to end.
func (d *daemon) stop() (timeout time.Duration) {
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping = true
	return d.plan.config.Limits.DrainTimeout
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
