package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/listener"
	"sallyport/proxy"
)

// daemon is the running program: what outlives generations, and the one in force.
type daemon struct {
	path    string
	started time.Time
	log     *slog.Logger
	handler *logHandler

	loader     *certs.Loader
	resumption *certs.Resumption
	resolver   *proxy.Resolver
	sockets    *listener.Set
	server     *proxy.Server // from the first generation on
	endpoint   *endpoint
	notify     notifier
	serving    sync.WaitGroup

	reloading sync.Mutex // one change at a time

	mu       sync.Mutex
	plan     *plan // in force
	number   uint64
	success  *admin.Reload
	failure  *admin.Reload
	stopping bool
}

func newDaemon(path string, handler *logHandler, inherited []*os.File) *daemon {
	log := slog.New(handler)
	return &daemon{
		path:       path,
		started:    time.Now(),
		log:        log,
		handler:    handler,
		loader:     certs.NewLoader(),
		resumption: new(certs.Resumption),
		resolver:   newResolver(),
		sockets:    &listener.Set{Log: log, Inherited: inherited},
		endpoint:   &endpoint{log: log},
		notify:     notifier{log: log},
	}
}

// change reads everything and makes it the state in force: read, validate, open what is new,
// build, swap, close what went. If anything is wrong, nothing changes.
func (d *daemon) change(ctx context.Context) admin.Reload {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	problems := d.tryChange(ctx)
	d.loader.Sweep()

	d.mu.Lock()
	defer d.mu.Unlock()
	result := admin.Reload{
		Time:       time.Now().UTC(),
		Generation: d.number,
		OK:         !problems.HasErrors(),
		Problems:   texts(problems.Errors()),
		Warnings:   texts(problems.Warnings()),
	}
	if result.OK {
		d.success = &result
	} else {
		d.failure = &result
	}
	return result
}

func texts(problems config.Problems) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

func (d *daemon) tryChange(ctx context.Context) config.Problems {
	next, problems := makePlan(d.path, d.loader)
	if problems.HasErrors() {
		return problems
	}
	selfMade, more := d.selfMade(next)
	problems = append(problems, more...)
	if problems.HasErrors() {
		return problems
	}
	stage, errs := d.stage(ctx, next)
	if errs != nil {
		return append(problems, errs...)
	}
	defer stage.Abort()
	switchEndpoint, problem := d.endpoint.stage(next.config, d)
	if problem != nil {
		problems = append(problems, *problem)
		if !problem.Warning {
			return problems
		}
	}
	d.install(next, selfMade, stage)
	switchEndpoint()
	return problems
}

// install puts a validated plan into force. Nothing in here can fail.
func (d *daemon) install(next *plan, selfMade *certs.Credentials, stage *listener.Stage) {
	d.mu.Lock()
	d.number++
	number := d.number
	d.plan = next
	d.mu.Unlock()

	d.handler.configure(next.config.Log)
	if d.server == nil {
		d.server = proxy.NewServer(d.log, next.pipes)
	}
	b := &builder{plan: next, resumption: d.resumption, resolver: d.resolver, selfMade: selfMade}
	d.server.Swap(b.build(number))
	d.resumption.Sweep()
	added := stage.Added
	stage.Commit()
	for _, l := range added {
		d.serving.Go(func() { d.server.Serve(l) })
	}
}

// stage opens the sockets of a plan that are not open yet.
func (d *daemon) stage(ctx context.Context, next *plan) (*listener.Stage, config.Problems) {
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

// selfMade returns the development credentials if any port needs them, making them at the
// first start.
func (d *daemon) selfMade(next *plan) (*certs.Credentials, config.Problems) {
	if len(next.selfMade) == 0 {
		return nil, nil
	}
	at := config.Problem{Pos: config.Position{File: d.path}, Key: "host.state_dir"}
	files, created, err := certs.Development(next.config.Host.StateDir, developmentNames(next.config), time.Now())
	if err != nil {
		at.Message = fmt.Sprintf("no certificate is configured, and none can be made: %v", err)
		at.Hint = "set certificate under [host], or make the state directory writable"
		return nil, config.Problems{at}
	}
	for _, file := range created {
		d.log.Warn("made for development", "file", file)
	}
	creds, errs := d.loader.Load(files)
	var problems config.Problems
	for _, e := range errs {
		problems = append(problems, config.Problem{Pos: at.Pos, Key: at.Key, Message: e.Error(), Hint: e.Hint, Warning: e.Warning})
	}
	if creds != nil && (d.number == 0 || len(created) > 0) {
		d.log.Warn("a self-made certificate is served: clients must trust its CA",
			"ports", next.selfMade, "ca", files.TrustedCA)
	}
	return creds, problems
}

// developmentNames are the names of a self-made certificate beside localhost.
func developmentNames(cfg *config.Config) []string {
	var names []string
	if name := cfg.Host.Name.Value; name != "" {
		names = append(names, name)
	}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	return names
}
