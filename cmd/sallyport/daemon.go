package main

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/internal/watch"
	"sallyport/listener"
	"sallyport/policy"
	"sallyport/proxy"
)

// daemon is the running program: what outlives generations, and the one in force.
type daemon struct {
	path    string
	started time.Time
	log     *slog.Logger
	handler *logHandler

	watcher    *watch.Watcher
	sources    *sources
	resumption *certs.Resumption
	resolver   *proxy.Resolver
	sockets    *listener.Set
	server     *proxy.Server // from the first generation on
	lane       *proxy.Lane
	limiter    *policy.Limiter
	lockouts   *policy.Lockouts
	kept       *lockoutFile // the lock-outs
	keeper     *lockoutKeeper
	endpoint   *endpoint
	rendezvous *rendezvous
	takeover   *takeover // while this process starts and another one runs
	next       *upgrade
	store      *descriptorStore
	metrics    *metrics
	ends       endWatch
	notify     notifier
	serving    sync.WaitGroup

	up     chan struct{} // closed when the start is over
	handed chan struct{} // closed when another process has taken over

	replaced  chan struct{} // tells upkeep that another policy is in force
	reloading sync.Mutex    // one change at a time, from the first file to the last socket
	applying  sync.Mutex    // the part of it that changes anything; never held while files are read
	followed  watch.Set     // what is watched; of the one change at a time

	mu       sync.Mutex
	plan     *plan // in force
	number   uint64
	reloads  history
	stopping bool
}

func newDaemon(path string, handler *logHandler, inherited []*os.File) *daemon {
	log := slog.New(handler)
	store := newDescriptorStore(log)
	stored, inherited := store.restore(inherited)
	d := &daemon{
		path:       path,
		started:    time.Now(),
		log:        log,
		handler:    handler,
		watcher:    watch.New(log, watch.Options{}),
		sources:    newSources(),
		resumption: new(certs.Resumption),
		resolver:   newResolver(),
		sockets:    &listener.Set{Log: log, Inherited: inherited},
		limiter:    policy.NewLimiter(0),
		lockouts:   policy.NewLockouts(time.Now(), 0, policy.LockoutRules{}),
		replaced:   make(chan struct{}, 1),
		endpoint:   &endpoint{log: log},
		rendezvous: &rendezvous{log: log},
		next:       newUpgrade(),
		store:      store,
		notify:     notifier{log: log},
		up:         make(chan struct{}),
		handed:     make(chan struct{}),
	}
	d.kept = newLockoutFile(d.lockouts, log, d.stateDir)
	d.keeper = &lockoutKeeper{file: d.kept}
	d.rendezvous.answer = d.handOver
	d.sockets.Adopt(stored)
	d.metrics = newMetrics(d.Status, log)
	return d
}

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
	d.reloads.add(&result)
	d.metrics.reloaded(time.Since(started))
	return result
}

func (d *daemon) tryChange(ctx context.Context) config.Problems {
	r := d.read()
	selfMade, created := d.selfMade(&r)
	if created { // files that are read and watched as all others are
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

// apply opens what a validated plan needs and puts it into force.
func (d *daemon) apply(ctx context.Context, next *plan, selfMade *certs.Credentials) (problems config.Problems) {
	d.applying.Lock()
	defer d.applying.Unlock()
	if d.isStopping() {
		return config.Problems{{Pos: config.Position{File: d.path}, Message: "it is draining and takes no changes any more"}}
	}
	d.meet(next)
	stage, errs := d.stage(ctx, next)
	if errs != nil {
		return errs
	}
	defer stage.Abort()
	switchEndpoint, problem := d.endpoint.stage(next.config, d, loggedLocks{d.lockouts, d.log, d.kept})
	if problem != nil {
		problems = append(problems, *problem)
		if !problem.Warning {
			return problems
		}
	}
	switchRendezvous := d.rendezvous.stage(next.config.Host.StateDir, d.path)
	if problem := d.take(); problem != nil {
		return append(problems, *problem)
	}
	d.install(next, selfMade, stage)
	switchEndpoint()
	switchRendezvous()
	if problem := d.assume(); problem != nil {
		return append(problems, *problem)
	}
	d.store.follow(d.sockets.Listeners())
	return problems
}

func (d *daemon) isStopping() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopping
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
	}
	if d.server == nil {
		d.server = proxy.NewServer(d.log, next.pipes)
	}
	if size := laneSize(next.config.Limits.HandshakeLane); d.lane == nil || d.lane.Size() != size {
		d.lane = proxy.NewLane(size) // otherwise a storm of reloads would bring as many lanes
	}
	d.lockouts.Configure(next.lockoutRules())
	b := &builder{plan: next, resumption: d.resumption, resolver: d.resolver, selfMade: selfMade, lane: d.lane, limiter: d.limiter, lockouts: d.lockouts}
	d.server.Swap(b.build(number))
	d.resumption.Sweep()
	added := stage.Added
	d.store.forget(stage.Removed)
	stage.Commit()
	for _, l := range added {
		d.serving.Go(func() { d.server.Serve(l) })
	}
	select {
	case d.replaced <- struct{}{}:
	default:
	}
}

// stage opens the sockets of a plan that are not open yet.
func (d *daemon) stage(ctx context.Context, next *plan) (*listener.Stage, config.Problems) {
	if problem := next.makeStateDir(); problem != nil {
		return nil, config.Problems{*problem}
	}
	var wanted []listener.Spec
	for i := range next.ports {
		wanted = append(wanted, next.ports[i].spec)
	}
	stage, err := d.sockets.Stage(ctx, wanted)
	if err == nil {
		return stage, nil
	}
	var problems config.Problems
	for _, open := range openErrors(err) {
		problems = append(problems, listenProblem(next, open))
	}
	if len(problems) == 0 {
		problems = append(problems, config.Problem{Pos: config.Position{File: d.path}, Message: err.Error()})
	}
	return nil, problems
}

// openErrors takes a joined error apart into the sockets that could not be opened.
func openErrors(err error) []*listener.OpenError {
	if open, ok := err.(*listener.OpenError); ok {
		return []*listener.OpenError{open}
	}
	var list []*listener.OpenError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, openErrors(e)...)
		}
	}
	return list
}

// listenProblem puts an error about a socket to the key that asks for it.
func listenProblem(next *plan, open *listener.OpenError) config.Problem {
	for i := range next.ports {
		if port := &next.ports[i]; port.spec.Key() == open.Spec.Key() {
			return port.Listen.Problem(open.Problem, open.Hint)
		}
	}
	return config.Problem{Message: open.Error()}
}
