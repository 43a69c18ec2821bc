package main

import (
	"context"
	"net/http"
	"os"
	"slices"

	"sallyport/internal/admin"
)

// Status says how the program is.
func (d *daemon) Status() admin.Status {
	d.mu.Lock()
	inForce := d.plan
	s := admin.Status{
		Version:     version(),
		PID:         os.Getpid(),
		Config:      d.path,
		Started:     d.started.UTC(),
		State:       admin.StateReady,
		Generation:  d.number,
		LastSuccess: d.reloads.success,
		LastFailure: d.reloads.failure,
		Reloads:     d.reloads.list(),
	}
	if d.stopping {
		s.State = admin.StateDraining
	}
	d.mu.Unlock() // the others have locks of their own, and may hold them for longer

	s.Ports = d.ports(inForce)
	s.Sessions = admin.Sessions{Active: d.server.Sessions(), Max: inForce.maxConnections}
	s.Policy = d.policyStatus(inForce)
	s.Watch = d.watchStatus(inForce)
	s.Upstreams, s.SourcePorts, s.SourceLacks = d.upstreams.status(), d.upstreams.sourcePorts(), d.upstreams.sourceLacks()
	if held := inForce.held; held != nil {
		s.Certificates, s.RevocationLists = held.certificates, held.lists
	}
	return s
}

// ports describes the ports of a plan in force.
func (d *daemon) ports(inForce *plan) []admin.Port {
	bound := make(map[string]string)
	for _, l := range d.sockets.Listeners() {
		bound[l.Key()] = l.Addr().String()
	}
	var list []admin.Port
	for i := range inForce.ports {
		p := &inForce.ports[i]
		list = append(list, admin.Port{
			Application: p.Application,
			ID:          p.ID.Value,
			Mode:        string(p.Mode.Value),
			Listen:      p.Listen.Value.String(),
			Address:     bound[p.spec.Key()],
			Upstream:    upstreamText(&p.application.Upstream),
		})
	}
	return list
}

// Metrics answers requests for metrics.
func (d *daemon) Metrics() http.Handler { return d.metrics.handler }

// Reload reads everything anew, as somebody asked for.
func (d *daemon) Reload(ctx context.Context) admin.Reload { return d.reload(ctx, admin.TriggerRequest) }

// reload changes the state and tells everybody. systemd takes the next READY for the end of the latest reload that was
// announced, so one is announced only when the one before is over.
func (d *daemon) reload(ctx context.Context, trigger string) admin.Reload {
	d.announced.Lock()
	defer d.announced.Unlock()
	if !d.isStopping() {
		d.notify.reloading()
	}
	result := d.change(ctx, trigger)
	if !d.isStopping() {
		d.notify.ready()
	}
	d.tell(result)
	return result
}

// digest is what the log and status have of a reload: a file that is another kind of file can have a problem in every line.
func digest(result admin.Reload) *admin.Reload {
	result.Problems, result.Warnings, result.Ending = bounded(result.Problems), bounded(result.Warnings), bounded(result.Ending)
	return &result
}

// tell logs what came of a reload.
func (d *daemon) tell(result admin.Reload) {
	short := digest(result)
	d.warn(short)
	if !result.OK {
		for _, problem := range short.Problems {
			d.log.Error("configuration", "problem", problem)
		}
		d.log.Error("reload failed, nothing changed", "trigger", result.Trigger, "generation", result.Generation, "problems", len(result.Problems))
		return
	}
	logChanges(d.log, &result.Changes)
	d.log.Info("reloaded", "trigger", result.Trigger, "generation", result.Generation, "changes", len(result.All()), "duration_ms", result.Millis, "policy", d.inForce().policyLine())
}

// warn logs the warnings of a reload, without those that were there before: a rule without an owner is no news each time
// that a certificate is renewed.
func (d *daemon) warn(r *admin.Reload) {
	d.mu.Lock()
	fresh := slices.DeleteFunc(slices.Clone(r.Warnings), func(w string) bool { return slices.Contains(d.warned, w) })
	if d.warned = slices.Concat(d.warned, fresh); r.OK {
		d.warned = r.Warnings
	}
	d.mu.Unlock()
	for _, warning := range fresh {
		d.log.Warn("configuration", "problem", warning)
	}
}
