package main

import (
	"context"
	"sync"
)

// lockoutKeeper runs lockoutFile.keep in the background, and can be stopped and started again. It is safe for concurrent use.
type lockoutKeeper struct {
	file *lockoutFile

	mu     sync.Mutex
	cancel context.CancelFunc // nil while it does not run
	done   chan struct{}
}

// start does nothing if it runs already.
func (k *lockoutKeeper) start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	k.cancel, k.done = cancel, done
	go func() {
		defer close(done)
		k.file.keep(ctx)
	}()
}

// end has the file written a last time and left alone from then on.
func (k *lockoutKeeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cancel == nil {
		return
	}
	k.cancel()
	<-k.done
	k.cancel = nil
}
