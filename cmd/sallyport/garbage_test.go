package main

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPercentFor: at least garbageRoom may come together, and as much as is in use.
func TestPercentFor(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		inUse uint64
		want  int
	}{
		{0, 800},
		{1 * mib, 800},
		{4 * mib, 800},
		{8 * mib, 400},
		{16 * mib, 200},
		{32 * mib, 100},
		{1024 * mib, 100},
	} {
		if got := percentFor(tt.inUse); got != tt.want {
			t.Errorf("percentFor(%d MiB) = %d, want %d", tt.inUse/mib, got, tt.want)
		}
	}
}

// TestGarbageAdjust: what changes little is not set.
func TestGarbageAdjust(t *testing.T) {
	var inUse uint64
	var set []int
	g := &garbage{inUse: func() uint64 { return inUse }, set: func(percent int) { set = append(set, percent) }}
	for _, mib := range []uint64{2, 3, 16, 17, 30, 64, 640, 2} {
		inUse = mib << 20
		g.adjust()
	}
	if diff := cmp.Diff([]int{800, 200, 106, 800}, set); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

// TestGarbageWatch: each collection is followed by a look.
func TestGarbageWatch(t *testing.T) {
	var looks atomic.Int64
	g := &garbage{inUse: func() uint64 { looks.Add(1); return 0 }, set: func(int) {}}
	g.watch()
	for want := int64(2); want < 5; want++ {
		runtime.GC()
		for deadline := time.Now().Add(10 * time.Second); looks.Load() < want; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("%d looks after %d collections", looks.Load(), want-1)
			}
		}
	}
}

func TestGarbageIsTheUsers(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			if newGarbage() == nil {
				t.Error("left alone without being told")
			}
			t.Setenv(name, "100")
			g := newGarbage()
			if g != nil {
				t.Error("not left alone")
			}
			g.watch()
		})
	}
}
