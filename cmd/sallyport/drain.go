package main

import (
	"context"
	"os"
	"time"
)

// end takes no new sessions and waits for those there are: until they are done, drain_timeout is
// over, or a second signal comes.
func (d *daemon) end(sig os.Signal, signals *signals) error {
	timeout := d.stop()
	if !d.wasHandedOver() {
		d.successor.end()
	}
	d.notify.stopping()
	d.log.Info("draining", "signal", sig.String(), "sessions", d.server.Sessions(), "timeout", timeout.String())
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
	d.drain(ctx, started)
	d.upstreams.leave()
	d.endpoint.close()
	return closing
}

// drain waits for the sessions and says how it went.
func (d *daemon) drain(ctx context.Context, started time.Time) {
	cut, _ := d.server.Drain(ctx)
	d.log.Info("stopped", "sessions_cut", cut, "drained_ms", time.Since(started).Milliseconds())
}

// bowOut is the end of a process that has handed its sockets over. It waits for the sessions that it still has: until they are
// done, until handover_timeout is over, until drain_timeout is over after a signal, or until a second signal.
func (d *daemon) bowOut(signals *signals) error {
	limits := d.inForce().config.Limits
	d.log.Info("draining after the handover", "sessions", d.server.Sessions(), "timeout", limits.HandoverTimeout.String())
	started := time.Now()
	d.serving.Wait() // connections that were being accepted are sessions now

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if limits.HandoverTimeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, limits.HandoverTimeout)
		defer cancel()
	}
	go func() {
		defer cancel()
		select {
		case sig := <-signals.end:
			d.log.Info("draining", "signal", sig.String(), "sessions", d.server.Sessions(), "timeout", limits.DrainTimeout.String())
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(limits.DrainTimeout)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-signals.end:
		case <-ctx.Done():
		}
	}()
	d.drain(ctx, started)
	return nil
}

// stop makes the generation in force the last one and returns how long its sessions have to end.
func (d *daemon) stop() (timeout time.Duration) {
	d.rendezvous.close()
	d.applying.Lock()
	defer d.applying.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping = true
	return d.plan.config.Limits.DrainTimeout
}
