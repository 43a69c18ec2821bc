package main

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkReload is what it costs to take over one changed certificate among many, from looking at the files to
// following them again. The metrics tell how long the first generation took, and what is in use then and
// after a hundred reloads. Files that changed within the last seconds are read twice, by
// whoever watches too; the benchmark waits until they are older, as they mostly are.
func BenchmarkReload(b *testing.B) {
	for _, layout := range []shape{onOnePort, onAllPorts} {
		for _, n := range []int{10, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", layout, n), func(b *testing.B) { benchmarkReload(b, layout, n) })
		}
	}
}

func benchmarkReload(b *testing.B, layout shape, n int) {
	e := newEstate(b, layout, n)
	<-time.After(4 * time.Second)
	empty := heapInUse()
	started := time.Now()
	d := e.serve()
	first := time.Since(started)
	before := heapInUse()
	b.ReportAllocs()
	reloads := 0
	for b.Loop() {
		b.StopTimer()
		e.rotate(reloads % n)
		b.StartTimer()
		d.reload()
		reloads++
	}
	for ; reloads < 100; reloads++ {
		e.rotate(reloads % n)
		d.reload()
	}
	const mb = 1 << 20
	b.ReportMetric(float64(first.Milliseconds()), "first-ms")
	b.ReportMetric(float64(before-empty)/mb, "heap-MB")
	b.ReportMetric(float64(heapInUse()-empty)/mb, "heap-after-100-MB")
	runtime.KeepAlive(d)
}

// heapInUse returns the bytes of all that is reachable.
func heapInUse() int64 {
	for range 3 { // cleanups and what they let go of
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
