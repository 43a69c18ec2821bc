package sourceport

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// choices are where a run takes its decisions from: chance, or a fuzzer's bytes. It returns one of n, or false when
// there are no more.
type choices func(n int) (choice int, ok bool)

func chances(r *rand.Rand, steps int) choices {
	return func(n int) (int, bool) {
		steps--
		return r.IntN(n), steps > 0
	}
}

func bytesOf(data []byte) choices {
	return func(n int) (int, bool) {
		if len(data) == 0 {
			return 0, false
		}
		choice := int(data[0]) % n
		data = data[1:]
		return choice, true
	}
}

var modelRoutes = []route{
	{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddrPort("10.0.0.9:443")},
	{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddrPort("10.0.0.9:444")},
	{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddrPort("[2001:db8::9]:443")},
}

// modelSets overlap in every way; the first one is asked for most.
var modelSets = [][]policy.PortRange{
	{{First: 1, Last: 4}},
	{{First: 3, Last: 6}},
	{{First: 2, Last: 2}},
	{{First: 5, Last: 6}, {First: 1, Last: 2}},
	{{First: 1, Last: 9}, {First: 4, Last: 5}},
	{{First: 65534, Last: 65535}, {First: 4, Last: 4}},
}

// run is a pool beside its model. Something happens at every step, no two of which are at the same nanosecond of a
// millisecond; since all pauses are whole milliseconds, no two timers ever run out at the same time, and there is only
// one thing that can happen next. It ends long before an idle book would be forgotten.
type run struct {
	t       *testing.T
	choose  choices
	over    bool
	start   time.Time
	steps   int
	pool    *Pool
	model   *model
	clients []*runClient
	told    []Tuple
	grants  int
}

type runClient struct {
	waiter *waiter
	cancel context.CancelFunc
	model  *modelClient
	done   bool
	lease  *Lease
	err    error
}

func newRun(t *testing.T, choose choices) *run {
	r := &run{t: t, choose: choose, start: time.Now(), pool: New(), model: newModel()}
	r.pool.Follow(func(tuple Tuple) { r.told = append(r.told, tuple) })
	return r
}

func (r *run) n(n int) int {
	choice, ok := r.choose(n)
	r.over = r.over || !ok
	return choice
}

// all makes steps until there are no choices left.
func (r *run) all() {
	defer func() {
		for _, c := range r.clients {
			c.cancel()
		}
		synctest.Wait()
	}()
	for !r.over && r.steps < 2000 {
		r.tick()
		r.step()
		r.compare()
	}
}

func (r *run) tick() {
	r.steps++
	elapsed := time.Since(r.start).Truncate(time.Millisecond)
	pause := []time.Duration{1, 1, 1, 2, 5, 40}[r.n(6)] * time.Millisecond
	time.Sleep(time.Until(r.start.Add(elapsed + pause + time.Duration(r.steps))))
	synctest.Wait()
	r.model.pass(time.Now())
	r.compare()
}

func (r *run) step() {
	holding := slices.DeleteFunc(slices.Clone(r.clients), func(c *runClient) bool { return c.lease == nil })
	waiting := slices.DeleteFunc(slices.Clone(r.clients), func(c *runClient) bool { return c.done })
	switch action := r.n(20); {
	case action < 9:
		r.ask()
	case action < 13 && len(holding) > 0:
		c := holding[r.n(len(holding))]
		tuple := c.lease.Tuple()
		c.lease.Release()
		c.lease.Release() // again: nothing
		c.lease = nil
		r.drop(c)
		r.model.release(tuple)
	case action < 16 && len(holding) > 0:
		r.complain(holding[r.n(len(holding))])
	case action < 17 && len(holding) > 0:
		c := holding[r.n(len(holding))]
		r.pool.worked(c.lease)
		r.model.worked(c.lease.Tuple())
	case action < 18 && len(waiting) > 0:
		c := waiting[r.n(len(waiting))]
		c.cancel()
		r.model.cancel(c.model)
	case action < 19:
		tuple := r.tuple()
		r.pool.Inherit([]Tuple{tuple})
		r.model.inherit(tuple)
	default:
		tuple := r.tuple()
		r.pool.Return(tuple)
		r.model.giveBack(tuple)
	}
	synctest.Wait()
}

func (r *run) tuple() Tuple {
	return modelRoutes[r.n(len(modelRoutes))].tuple(uint16(1 + r.n(7)))
}

func (r *run) drop(c *runClient) {
	c.cancel()
	r.clients = slices.DeleteFunc(r.clients, func(o *runClient) bool { return o == c })
}

func (r *run) ask() {
	at := modelRoutes[r.n(4)%len(modelRoutes)]
	request := Request{
		Source:      at.source,
		Destination: at.destination,
		Ports:       modelSets[max(0, r.n(2*len(modelSets))-len(modelSets))],
		Wait:        []time.Duration{0, 3, 20, 100, 700}[r.n(5)] * time.Millisecond,
		Idle:        r.n(8) == 7,
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &runClient{waiter: newWaiter(request), cancel: cancel}
	c.model = &modelClient{route: at, ports: request.Ports, idle: request.Idle, until: c.waiter.until}
	r.clients = append(r.clients, c)
	r.enter(ctx, c)
}

func (r *run) enter(ctx context.Context, c *runClient) {
	c.done, c.lease, c.err = false, nil, nil
	go func() {
		c.lease, c.err = r.pool.acquire(ctx, c.waiter)
		c.done = true
	}()
	synctest.Wait()
	c.model.outcome = outcome{}
	r.model.enter(time.Now(), c.model)
}

// complain has the kernel refuse a client's port. The client tries again.
func (r *run) complain(c *runClient) {
	complaint := &complaint{reason: policy.SourceTaken, tuple: c.lease.Tuple(), err: syscall.EADDRINUSE}
	if r.n(2) == 0 {
		complaint.reason = policy.SourceInUse
	}
	r.pool.cool(c.lease, complaint)
	r.model.complain(time.Now(), complaint.tuple, complaint.reason)
	c.cancel()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	r.enter(ctx, c)
}

func (r *run) compare() {
	r.t.Helper()
	asWhole := cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})
	for _, c := range slices.Clone(r.clients) {
		if want, got := c.model.outcome, c.outcome(); want != got {
			r.t.Fatalf("step %d: %s, ticket %d: error %v (-want +got):\n%s", r.steps, c.waiter, c.waiter.ticket, c.err, cmp.Diff(want, got))
		}
		if c.done && c.lease == nil {
			r.drop(c)
		}
	}
	if want, got := r.model.held(), r.pool.Held(); !slices.Equal(want, got) {
		r.t.Fatalf("step %d: held (-want +got):\n%s", r.steps, cmp.Diff(want, got, asWhole))
	}
	if !slices.Equal(r.model.told, r.told) {
		r.t.Fatalf("step %d: told to the follower (-want +got):\n%s", r.steps, cmp.Diff(r.model.told, r.told, asWhole))
	}
	r.model.told, r.told = nil, nil
	if want, got := r.model.failures, r.pool.Failures(); !maps.Equal(want, got) {
		r.t.Fatalf("step %d: failures (-want +got):\n%s", r.steps, cmp.Diff(want, got))
	}
	for _, got := range r.pool.Stats() {
		got.Ports = 0
		if want := r.model.use(route{got.Source, got.Destination}); want != got {
			r.t.Fatalf("step %d: stats (-want +got):\n%s", r.steps, cmp.Diff(want, got, asWhole))
		}
	}
	r.promises()
}

func (c *runClient) outcome() outcome {
	switch {
	case !c.done:
		return outcome{}
	case c.lease != nil:
		return outcome{Port: c.lease.Tuple().Source.Port()}
	default:
		return outcome{Reason: policy.ReasonOf(c.err, cancelled)}
	}
}

// promises holds what must be so whatever the model says.
func (r *run) promises() {
	has := make(map[Tuple]bool)
	for _, c := range r.clients {
		if c.lease == nil {
			continue
		}
		if tuple := c.lease.Tuple(); has[tuple] {
			r.t.Fatalf("step %d: %s is leased twice", r.steps, tuple)
		}
		has[c.lease.Tuple()] = true
		if !contains(c.waiter.ports, c.lease.Tuple().Source.Port()) {
			r.t.Fatalf("step %d: %s has port %d", r.steps, c.waiter, c.lease.Tuple().Source.Port())
		}
		r.grants++
	}
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	for _, b := range r.pool.books {
		for e := b.waiting.list.Front(); e != nil; e = e.Next() {
			w := waiterAt(e)
			if port, ok := b.choose(w.ports, 1<<63); ok {
				r.t.Fatalf("step %d: %s waits and port %d is free", r.steps, w, port)
			}
			if next := e.Next(); next != nil && waiterAt(next).ticket < w.ticket {
				r.t.Fatalf("step %d: %s is before an older one", r.steps, w)
			}
		}
	}
}

func TestPoolAgreesWithTheModel(t *testing.T) {
	grants := 0
	failures := make(map[policy.Reason]uint64)
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			r := newRun(t, chances(rand.New(rand.NewPCG(seed, 5)), 1500))
			r.all()
			grants += r.grants
			for reason, n := range r.pool.Failures() {
				failures[reason] += n
			}
		})
	}
	for _, reason := range []policy.Reason{policy.SourceTaken, policy.SourceInUse, policy.SourceExhausted} {
		if failures[reason] < 100 {
			t.Errorf("%d times %s: this test looks at the wrong things", failures[reason], reason)
		}
	}
	if grants < 1000 {
		t.Errorf("%d grants: this test looks at the wrong things", grants)
	}
}

func FuzzPool(f *testing.F) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		synctest.Test(t, func(t *testing.T) { newRun(t, bytesOf(data)).all() })
	})
}
