package main

import (
	"context"
	"fmt"
	"io"
	"os"

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
  SIGUSR2           start the program anew, which takes over: for another version or other options

Started while another process runs with the same configuration, it takes that one's listening sockets
over: no client is refused, established sessions go on in the old process, and that ends with the last of them
(or after handover_timeout). If anything is wrong, it ends, and the old process goes on as before.

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
	if err := d.start(cmd.Context(), cmd.ErrOrStderr()); err != nil {
		return err
	}
	background, stopBackground := context.WithCancel(context.Background())
	defer stopBackground()
	go d.notify.watch(background, func() { d.Status() })
	go d.upkeep(background)
	newGarbage().watch()
	go newSettler().run(background)

	d.keeper.start()
	defer d.keeper.end()
	close(d.up)

	// Nobody waits for these to end: reading files can hang, and a signal to end must not wait for that. The signals go on
	// being heard while sessions are drained, so that the log can say why nothing comes of them.
	go obey(background, signals.reload, func() { d.reload(context.Background(), admin.TriggerSignal) })
	go obey(background, signals.upgrade, d.upgrade)
	reading, stopReading := context.WithCancel(background)
	defer stopReading()
	go d.watch(reading)
	go d.retry(reading)

	select {
	case sig := <-signals.end:
		stopReading()
		return d.end(sig, signals)
	case <-d.handed:
		stopReading()
		return d.bowOut(signals)
	}
}

// start brings the first generation into force, or says on out what is wrong.
func (d *daemon) start(ctx context.Context, out io.Writer) error {
	first := d.change(ctx, admin.TriggerStart)
	if !first.OK {
		for _, problem := range first.Problems {
			fmt.Fprintln(out, problem)
		}
		return d.abandon(len(first.Problems))
	}
	d.warn(digest(first))
	plan := d.inForce()
	d.log.Info("started", "version", version(), "pid", os.Getpid(), "config", d.path,
		"ports", len(plan.ports), "max_connections", plan.maxConnections, "policy", plan.policyLine())
	d.notify.ready()
	return nil
}
