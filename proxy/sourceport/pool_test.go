package sourceport

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// TestRangeHasTwoEnds: both ends of every range are used, and nothing beyond.
func TestRangeHasTwoEnds(t *testing.T) {
	tests := []struct {
		name   string
		ranges []policy.PortRange
		want   []uint16
	}{
		{"one port", ports(20001, 20001), []uint16{20001}},
		{"one range", ports(20001, 20004), []uint16{20001, 20002, 20003, 20004}},
		{"first port", ports(1, 2), []uint16{1, 2}},
		{"last port", ports(65534, 65535), []uint16{65534, 65535}},
		{"two ranges", []policy.PortRange{{First: 30, Last: 31}, {First: 10, Last: 11}}, []uint16{10, 11, 30, 31}},
		{"overlapping", []policy.PortRange{{First: 10, Last: 12}, {First: 11, Last: 13}, {First: 12, Last: 12}}, []uint16{10, 11, 12, 13}},
		{"port 0 is none", ports(0, 2), []uint16{1, 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := New()
			r := Request{Source: testSource, Ports: test.ranges, Destination: testDestination}
			var got []uint16
			for range test.want {
				got = append(got, mustDial(t, p, r, &kernel{}).Tuple().Source.Port())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if _, _, _, err := p.dial(t.Context(), r, 0, (&kernel{}).connect); policy.ReasonOf(err, "") != policy.SourceExhausted {
				t.Errorf("one port more: %v", err)
			}
			want := []Use{{Source: testSource, Destination: testDestination, Ports: len(test.want), Leased: len(test.want)}}
			if diff := cmp.Diff(want, p.Stats(), asWhole()); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAllPorts: a lease of the widest range there is, all of it.
func TestAllPorts(t *testing.T) {
	p := New()
	seen := make(map[uint16]bool)
	for range 65535 {
		seen[mustDial(t, p, request(0, math.MaxUint16, 0), &kernel{}).Tuple().Source.Port()] = true
	}
	if len(seen) != 65535 || seen[0] {
		t.Errorf("%d ports, port 0: %t", len(seen), seen[0])
	}
}

// TestRoutesAreIndependent: the same port towards another destination or from another address is another tuple.
func TestRoutesAreIndependent(t *testing.T) {
	p := New()
	other := request(1, 1, 0)
	other.Source = netip.MustParseAddr("10.2.0.6")
	elsewhere := request(1, 1, 0)
	elsewhere.Destination = netip.MustParseAddrPort("10.9.0.1:2022")
	mapped := request(1, 1, 0)
	mapped.Source = netip.MustParseAddr("::ffff:10.2.0.5")
	mapped.Destination = netip.MustParseAddrPort("[::ffff:10.9.0.1]:2021")

	for _, r := range []Request{request(1, 1, 0), other, elsewhere} {
		if got := mustDial(t, p, r, &kernel{}).Tuple().Source.Port(); got != 1 {
			t.Errorf("port %d", got)
		}
	}
	if _, _, _, err := p.dial(t.Context(), mapped, 0, (&kernel{}).connect); policy.ReasonOf(err, "") != policy.SourceExhausted {
		t.Errorf("an embedded IPv4 address has a port of its own: %v", err)
	}
}

// TestLastMoment: a port that comes free in the moment in which a waiter leaves is lost by nobody.
func TestLastMoment(t *testing.T) {
	leave := map[string]func(p *Pool) (*Lease, error){
		"time is over": func(p *Pool) (*Lease, error) {
			_, lease, _, err := p.dial(context.Background(), request(1, 1, time.Second), 0, (&kernel{}).connect)
			return lease, err
		},
		"deadline": func(p *Pool) (*Lease, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, lease, _, err := p.dial(ctx, request(1, 1, time.Minute), 0, (&kernel{}).connect)
			return lease, err
		},
		"cancelled": func(p *Pool) (*Lease, error) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			_, lease, _, err := p.dial(ctx, request(1, 1, time.Minute), 0, (&kernel{}).connect)
			return lease, err
		},
	}
	for name, attempt := range leave {
		t.Run(name, func(t *testing.T) {
			for range 200 {
				synctest.Test(t, func(t *testing.T) {
					p := New()
					var told atomic.Int32
					p.Follow(func(Tuple) { told.Add(1) })
					time.AfterFunc(time.Second, mustDial(t, p, request(1, 1, 0), &kernel{}).Release)
					served := int32(1)
					go func() {
						if lease, err := attempt(p); err == nil {
							atomic.AddInt32(&served, 1)
							lease.Release()
						}
					}()
					synctest.Wait()
					next := mustDial(t, p, request(1, 1, time.Second+1), &kernel{})
					next.Release()
					synctest.Wait()
					if use := p.Stats()[0]; use.Leased+use.Waiting > 0 || told.Load() < 1 || told.Load() > served+1 {
						t.Errorf("%+v, told %d times", use, told.Load())
					}
				})
			}
		})
	}
}

// TestGrantedAndCancelled: the one order of the last moment that chance seldom brings.
func TestGrantedAndCancelled(t *testing.T) {
	p := New()
	holder := mustDial(t, p, request(1, 1, 0), &kernel{})
	first, second := newWaiter(request(1, 1, time.Hour)), newWaiter(request(1, 1, time.Hour))
	for _, w := range []*waiter{first, second} {
		if lease, err := p.enter(w); lease != nil || err != nil {
			t.Fatal(lease, err)
		}
	}
	holder.Release()
	if lease, err := p.leave(first, context.Canceled); lease != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", lease, err)
	}
	if lease, err := p.leave(second, nil); lease == nil || err != nil {
		t.Errorf("the next was not given the port: %v, %v", lease, err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		holder := mustDial(t, p, request(1, 1, 0), &kernel{})
		var served atomic.Int32
		for range longestQueue {
			go func() {
				_, lease, _, err := p.dial(t.Context(), request(1, 1, time.Second), 0, (&kernel{}).connect)
				if err == nil {
					served.Add(1)
					lease.Release()
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		_, _, _, err := p.dial(t.Context(), request(1, 1, time.Second), 0, (&kernel{}).connect)
		if policy.ReasonOf(err, "") != policy.SourceQueue || time.Since(start) > 0 {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if want := "1024 connections wait for a source port already"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		holder.Release()
		synctest.Wait()
		if served.Load() != longestQueue {
			t.Errorf("%d were served", served.Load())
		}
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		spare := request(1, 2, time.Hour)
		spare.Idle = true
		mustDial(t, p, request(1, 1, 0), &kernel{})
		mustDial(t, p, spare, &kernel{}).Release() // port 2 is free and nobody waits
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go p.dial(ctx, request(1, 1, time.Hour), 0, (&kernel{}).connect)
		synctest.Wait()
		start := time.Now()
		_, _, _, err := p.dial(t.Context(), spare, 0, (&kernel{}).connect)
		if policy.ReasonOf(err, "") != policy.SourceExhausted || time.Since(start) > 0 {
			t.Errorf("while another one waits, after %s: %v", time.Since(start), err)
		}
	})
}

// TestIdleBooksAreForgotten: ever new destinations stay within bounds, and the order of a port's rest does not go at once.
func TestIdleBooksAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		r := request(1, 4, 0)
		for i := range 100_000 {
			r.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 443)
			lease := mustDial(t, p, r, &kernel{})
			if i%1000 > 0 {
				lease.Release()
			}
		}
		if held := len(p.Held()); held != 100 || len(p.books) != held+idleBooks || p.idle.Len() != idleBooks {
			t.Errorf("%d tuples are held and %d books kept, %d of them idle", held, len(p.books), p.idle.Len())
		}
		if got := mustDial(t, p, r, &kernel{}).Tuple().Source.Port(); got != 2 {
			t.Errorf("port %d follows port 1, which was used before", got)
		}
		time.Sleep(idleTime)
		if kept := len(p.Stats()); kept != 101 {
			t.Errorf("%d books are kept for 101 leases", kept)
		}
	})
}

// TestIdlePortsAreForgotten: few books with many ports each are too much as well.
func TestIdlePortsAreForgotten(t *testing.T) {
	p := New()
	for i := range 4 {
		r := request(1, math.MaxUint16, 0)
		r.Destination = netip.AddrPortFrom(testDestination.Addr(), uint16(i+1))
		var leases []*Lease
		for range 30000 {
			leases = append(leases, mustDial(t, p, r, &kernel{}))
		}
		for _, lease := range leases {
			lease.Release()
		}
	}
	if p.idlePorts != 60000 || len(p.books) != 2 {
		t.Errorf("%d ports in %d books are remembered", p.idlePorts, len(p.books))
	}
}

// TestRacing: under contention from all sides no tuple has two owners, and nothing is left behind.
func TestRacing(t *testing.T) {
	p := New()
	sets := [][]policy.PortRange{ports(1, 4), ports(3, 6), {{First: 6, Last: 6}, {First: 1, Last: 2}}}
	var owners [8]atomic.Int32
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for n := range 300 {
				r := Request{Source: testSource, Ports: sets[(i+n)%len(sets)], Destination: testDestination, Wait: time.Minute}
				k := &kernel{}
				if n%7 == 0 {
					k.answers = map[uint16]error{1: errInUse, 4: errTaken}
				}
				_, lease, _, err := p.dial(t.Context(), r, time.Minute, k.connect)
				if err != nil {
					t.Error(err)
					return
				}
				owner := &owners[lease.Tuple().Source.Port()]
				if owner.Add(1) != 1 {
					t.Errorf("%s has two owners", lease.Tuple())
				}
				runtime.Gosched()
				owner.Add(-1)
				lease.Release()
			}
		})
	}
	group.Wait()
	if held := p.Held(); len(held) > 0 {
		t.Errorf("left behind: %v", held)
	}
}
