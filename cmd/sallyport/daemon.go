package main

import (
	"log/slog"
	"os"
	"sync"
	"time"

	"sallyport/internal/watch"
	"sallyport/listener"
	"sallyport/proxy"
)

// daemon is the running program: what outlives generations, and the one in force.
type daemon struct {
	path    string
	started time.Time
	log     *slog.Logger
	handler *logHandler

	lasting
	sockets  *listener.Set
	server   *proxy.Server // from the first generation on
	serving  sync.WaitGroup
	kept     *lockoutFile // the lock-outs
	keeper   *lockoutKeeper
	endpoint *endpoint
	metrics  *metrics
	notify   notifier
	ends     endWatch

	// One change at a time, from the first file to the last socket. What is read and watched is the change's own.
	reloading sync.Mutex
	sources   *sources
	watcher   *watch.Watcher
	followed  watch.Set // what is watched

	announced sync.Mutex // one reload at a time that systemd knows of

	// The part of a change that changes anything. Never held while the files of a configuration are read, which can hang.
	applying sync.Mutex

	succession

	replaced chan struct{} // tells upkeep that another policy is in force

	mu       sync.Mutex
	plan     *plan // in force
	number   uint64
	reloads  history
	warned   []string // what the log has of the configuration in force
	stopping bool
}

// succession is what a restart without loss takes, at its two ends.
type succession struct {
	takeover   *takeover // while this process starts and another one runs
	killed     time.Time // when the one before was found to have been; zero: it was not
	rendezvous *rendezvous
	successor  *successor // starts the process that takes over from this one
	store      *descriptorStore
	up         chan struct{} // closed when the start is over
	handed     chan struct{} // closed when another process has taken over
}

func newDaemon(path string, handler *logHandler, inherited []*os.File) *daemon {
	log := slog.New(handler)
	store := newDescriptorStore(log)
	stored, inherited := store.restore(inherited)
	d := &daemon{
		path:     path,
		started:  time.Now(),
		log:      log,
		handler:  handler,
		lasting:  newLasting(log),
		sockets:  &listener.Set{Log: log, Inherited: inherited},
		endpoint: &endpoint{log: log},
		notify:   notifier{log: log},
		sources:  newSources(),
		watcher:  watch.New(log, watch.Options{}),
		succession: succession{
			rendezvous: &rendezvous{log: log},
			successor:  newSuccessor(),
			store:      store,
			up:         make(chan struct{}),
			handed:     make(chan struct{}),
		},
		replaced: make(chan struct{}, 1),
	}
	d.kept = newLockoutFile(d.lockouts, log, d.stateDir)
	d.keeper = &lockoutKeeper{file: d.kept}
	d.rendezvous.answer = d.handOver
	d.sockets.Adopt(stored)
	d.metrics = newMetrics(d.Status, log)
	return d
}

// inForce returns the plan in force; nil before the first.
func (d *daemon) inForce() *plan {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plan
}

// stateDir is the state directory in force.
func (d *daemon) stateDir() string { return d.inForce().config.Host.StateDir }

func (d *daemon) isStopping() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopping
}
