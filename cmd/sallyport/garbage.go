package main

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

// Go collects when as much garbage has come together as there is memory in use. A proxy with few sessions has little in use, and would
// collect after every hundred handshakes. So it may always have this much garbage; from there on it is Go's rule again.
const (
	garbageRoom = 32 << 20 // bytes
	usualGOGC   = 100
	mostGOGC    = 800 // Go takes 4 MiB for in use when it is less: that is garbageRoom, too
)

// garbage sets how much garbage may come together, anew after each collection, by how much memory is in use.
type garbage struct {
	inUse func() uint64
	set   func(percent int)
	last  int
}

// newGarbage returns nil where the user has decided with GOGC or GOMEMLIMIT.
func newGarbage() *garbage {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return nil
		}
	}
	return &garbage{inUse: inUseNow, set: func(percent int) { debug.SetGCPercent(percent) }}
}

// watch adjusts now and after each collection, for as long as the process lives.
func (g *garbage) watch() {
	if g == nil {
		return
	}
	g.adjust()
	runtime.AddCleanup(new(collected), func(g *garbage) { g.watch() }, g)
}

// collected is in use nowhere, so that each collection finds it. It is not so small that it would share its memory with others.
type collected [16]byte

// adjust leaves out what changes little: setting it stops the program for a moment.
func (g *garbage) adjust() {
	percent := percentFor(g.inUse())
	if change := percent - g.last; g.last == 0 || change > g.last/10 || -change > g.last/10 {
		g.set(percent)
		g.last = percent
	}
}

// percentFor returns the GOGC for so many bytes in use.
func percentFor(inUse uint64) int {
	if inUse == 0 {
		return mostGOGC
	}
	return int(min(max(garbageRoom*100/inUse, usualGOGC), mostGOGC))
}

func inUseNow() uint64 {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(samples)
	return samples[0].Value.Uint64()
}
