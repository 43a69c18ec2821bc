package main

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// settler collects and gives memory back to the system, once, when things have gone quiet after a burst. Otherwise what the burst
// has left behind stays in memory: the next collection comes with the next burst, or after minutes.
type settler struct {
	read    func() heap
	release func()
}

// heap is what a look tells.
type heap struct {
	allocated uint64 // bytes, since the start of the process
	live      uint64 // bytes that the last collection found in use
}

const (
	settleLook  = 5 * time.Second
	settleQuiet = 4 << 20  // most bytes that are allocated between two looks while things are quiet
	settleLeast = 16 << 20 // bytes allocated since the last release that are worth another one ...
	settleShare = 8        // ... and this share of what is in use, which is what a collection costs
)

func newSettler() *settler { return &settler{read: readHeap, release: debug.FreeOSMemory} }

// run looks after bursts until ctx ends.
func (s *settler) run(ctx context.Context) {
	ticker := time.NewTicker(settleLook)
	defer ticker.Stop()
	last := s.read().allocated
	released := uint64(0) // of what was allocated, at the last release
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := s.read()
		if now.allocated-last <= settleQuiet && now.allocated-released >= max(settleLeast, now.live/settleShare) {
			s.release()
			released = now.allocated
		}
		last = now.allocated
	}
}

func readHeap() heap {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64()}
}
