package sourceport

import (
	"context"
	"strconv"
	"testing"
	"time"
)

// BenchmarkLease gives a port and takes it back, with all others leased already or not.
func BenchmarkLease(b *testing.B) {
	for _, n := range []uint16{1, 16, 60000} {
		for _, full := range []bool{false, true} {
			name := strconv.Itoa(int(n)) + " ports"
			if full {
				name += ", the others leased"
			}
			b.Run(name, func(b *testing.B) {
				p := New()
				r := request(1, n, time.Minute)
				var held []*Lease
				for range n {
					held = append(held, benchmarkLease(b, p, r))
				}
				if !full {
					for _, lease := range held[1:] {
						lease.Release()
					}
				}
				held[0].Release()
				b.ReportAllocs()
				for b.Loop() {
					benchmarkLease(b, p, r).Release()
				}
			})
		}
	}
}

// BenchmarkContention has more connections than processors want fewer ports than there are connections.
func BenchmarkContention(b *testing.B) {
	for _, n := range []uint16{1, 16, 60000} {
		b.Run(strconv.Itoa(int(n))+" ports", func(b *testing.B) {
			p := New()
			r := request(1, n, time.Minute)
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					benchmarkLease(b, p, r).Release()
				}
			})
		})
	}
}

func benchmarkLease(b *testing.B, p *Pool, r Request) *Lease {
	lease, err := p.acquire(context.Background(), newWaiter(r))
	if err != nil {
		b.Fatal(err)
	}
	return lease
}
