package main

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSettle: memory is given back once after each burst, when it is over and not before.
func TestSettle(t *testing.T) {
	const busy, trickle = 100 << 20, 1 << 20
	tests := []struct {
		name      string
		live      uint64
		allocated []uint64 // between the looks
		want      []int    // the looks after which memory is given back
	}{
		{"nothing happens", 0, []uint64{0, 0, 0, 0}, nil},
		{"a burst", 0, []uint64{busy, busy, trickle, 0, 0, 0}, []int{2}},
		{"two bursts", 0, []uint64{busy, 0, 0, busy, 0, 0}, []int{1, 4}},
		{"never quiet", 0, []uint64{busy, busy, busy, busy}, nil},
		{"little by little", 0, []uint64{4 << 20, 4 << 20, 4 << 20, 4 << 20, 4 << 20, 4 << 20, 4 << 20}, []int{3}},
		{"not worth it", 0, []uint64{15 << 20, 0, 0}, nil},
		{"not worth looking through so much", 1 << 30, []uint64{busy, 0, 0, busy, 0}, []int{4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var allocated atomic.Uint64
				var released atomic.Int64
				s := &settler{
					read:    func() heap { return heap{allocated.Load(), tt.live} },
					release: func() { released.Add(1) },
				}
				ctx, cancel := context.WithCancel(t.Context())
				go s.run(ctx)
				synctest.Wait()
				var got []int
				for i, n := range tt.allocated {
					allocated.Add(n)
					before := released.Load()
					time.Sleep(settleLook)
					synctest.Wait()
					if released.Load() != before {
						got = append(got, i)
					}
				}
				cancel()
				synctest.Wait()
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("looks (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestReadHeap(t *testing.T) {
	before := readHeap()
	settleSink = make([]byte, 1<<20)
	if now := readHeap(); now.allocated < before.allocated+1<<20 {
		t.Errorf("allocated %d, and after another MiB %d", before.allocated, now.allocated)
	}
}

var settleSink []byte // has an allocation happen on the heap
