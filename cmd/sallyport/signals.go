package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals are what the system can tell the program.
type signals struct {
	reload  chan os.Signal
	upgrade chan os.Signal
	end     chan os.Signal
}

// catchSignals starts listening to them. It does so before anything else, so that a signal
// during the start is not lost.
func catchSignals() *signals {
	s := &signals{reload: make(chan os.Signal, 1), upgrade: make(chan os.Signal, 1), end: make(chan os.Signal, 2)}
	signal.Notify(s.end, os.Interrupt, syscall.SIGTERM)
	notifyReload(s.reload)
	notifyUpgrade(s.upgrade)
	return s
}

// obey does what a signal asks for each time that it comes, until ctx ends.
func obey(ctx context.Context, signal <-chan os.Signal, do func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
			do()
		}
	}
}

func (s *signals) stop() {
	signal.Stop(s.reload)
	signal.Stop(s.upgrade)
	signal.Stop(s.end)
}
