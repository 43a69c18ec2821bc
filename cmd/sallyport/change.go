package main

import (
	"context"
	"time"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/listener"
	"sallyport/proxy"
)

// change reads everything and makes it the state in force: read, validate, open what is new,
// build, swap, close what went. If anything is wrong, nothing changes.
func (d *daemon) change(ctx context.Context, trigger string) admin.Reload {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	before, started := d.inForce(), time.Now()
	problems := d.tryChange(ctx)
	d.sources.certs.Sweep()
	changes := d.changes(before)
	warnings, ending := warningTexts(problems)

	d.mu.Lock()
	defer d.mu.Unlock()
	result := admin.Reload{
		Time:       time.Now().UTC(),
		Trigger:    trigger,
		Generation: d.number,
		OK:         !problems.HasErrors(),
		Problems:   texts(problems.Errors()),
		Warnings:   warnings,
		Ending:     ending,
		Millis:     time.Since(started).Milliseconds(),
		Changes:    changes,
	}
	d.reloads.add(digest(result))
	d.metrics.reloaded(time.Since(started))
	return result
}

// tryChange returns everything that is wrong. If there are errors among it, nothing has changed.
func (d *daemon) tryChange(ctx context.Context) config.Problems {
	r := d.read()
	selfMade, created := d.selfMade(&r)
	if created { // now the new files are read and watched as all others are
		r = d.read()
		selfMade, _ = d.selfMade(&r)
	}
	if !r.problems.HasErrors() {
		r.problems = append(r.problems, d.apply(ctx, r.plan, selfMade)...)
	}
	d.follow(r, !r.problems.HasErrors())
	if r.plan != nil {
		r.plan.config.Sort(r.problems)
	}
	return r.problems
}

// apply opens what a validated plan needs and puts it into force. In a process that starts while another one runs, meet,
// take and assume are its part of the handover (takeover.go); otherwise they do nothing.
func (d *daemon) apply(ctx context.Context, next *plan, selfMade *certs.Credentials) (problems config.Problems) {
	d.applying.Lock()
	defer d.applying.Unlock()
	if d.isStopping() {
		return config.Problems{{Pos: config.Position{File: d.path}, Message: "it is draining and takes no changes any more"}}
	}
	d.meet(next) // has the sockets of the other process, if there is one
	stage, errs := d.stage(ctx, next)
	if errs != nil {
		return errs
	}
	defer stage.Abort()
	locks := loggedLocks{d.lockouts, d.log, d.kept}
	switchEndpoint, problem := d.endpoint.stage(next.config, d, locks, d.upstreams)
	for problem != nil && d.mayYetGo() {
		switchEndpoint, problem = d.endpoint.stage(next.config, d, locks, d.upstreams)
	}
	if problem != nil {
		problems = append(problems, *problem)
		if !problem.Warning {
			return problems
		}
	}
	switchRendezvous := d.rendezvous.stage(next.config.Host.StateDir, d.path)
	if problem := d.take(); problem != nil { // from here on the other process accepts nothing
		return append(problems, *problem)
	}
	d.install(next, selfMade, stage)
	switchEndpoint()
	switchRendezvous()
	if problem := d.assume(); problem != nil { // the sockets are this process' own; only now it accepts
		return append(problems, *problem)
	}
	d.store.follow(d.sockets.Listeners())
	return problems
}

// install puts a validated plan into force. Nothing in here can fail.
func (d *daemon) install(next *plan, selfMade *certs.Credentials, stage *listener.Stage) {
	next.loaded.Enforce()
	next.loaded, next.held = nil, takeInventory(next, selfMade)
	d.mu.Lock()
	d.number++
	number := d.number
	d.plan = next
	d.mu.Unlock()

	d.handler.configure(next.config.Log)
	if number == 1 {
		d.kept.load(time.Now()) // before the first connection
		d.server = proxy.NewServer(d.log, next.pipes)
	}
	d.lasting.fit(next.config.Limits.HandshakeLane)
	d.lockouts.Configure(next.lockoutRules())
	b := &builder{lasting: d.lasting, plan: next, selfMade: selfMade}
	d.server.Swap(b.build(number))
	d.resumption.Sweep()
	added := stage.Added
	d.store.forget(stage.Removed) // before they close, since their files go with them
	stage.Commit()
	for _, l := range added {
		d.serving.Go(func() { d.server.Serve(l) })
	}
	select {
	case d.replaced <- struct{}{}:
	default:
	}
}
