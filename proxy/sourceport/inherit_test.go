package sourceport

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func tuple(port uint16) Tuple { return Tuple{netip.AddrPortFrom(testSource, port), testDestination} }

// TestRestart: the tuples of one process are passed over to the next, which leaves them alone until they are returned.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := New(), New()
		first := mustDial(t, before, request(1, 2, 0), &kernel{})
		second := mustDial(t, before, request(1, 2, 0), &kernel{})
		before.Follow(after.Return)
		after.Inherit(append(before.Held(), tuple(0), tuple(40000))) // port 0 is none, port 40000 in no range

		waiting := make(chan *Lease, 1)
		go func() { waiting <- mustDial(t, after, request(1, 2, time.Minute), &kernel{}) }()
		synctest.Wait()
		want := []Use{{Source: testSource, Destination: testDestination, Ports: 3, Leased: 3, Inherited: 3, Waiting: 1}}
		if diff := cmp.Diff(want, after.Stats(), asWhole()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		second.Release()
		if lease := <-waiting; lease.Tuple() != tuple(2) {
			t.Errorf("leased %s", lease.Tuple())
		}
		after.Return(tuple(2)) // a lease of its own by now
		if diff := cmp.Diff([]Tuple{tuple(1), tuple(2), tuple(40000)}, after.Held(), asWhole()); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
		before.Follow(nil)
		first.Release()
		if held := len(after.Held()); held != 3 {
			t.Errorf("%d tuples are held after one that nobody was told of", held)
		}
		var none *Lease
		none.Release()
	})
}

// TestDeclaredPorts: what a reload takes away counts no more once it is free and nobody asks for it.
func TestDeclaredPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		check := func(when string, want Use) {
			t.Helper()
			want.Source, want.Destination = testSource, testDestination
			if diff := cmp.Diff([]Use{want}, p.Stats(), asWhole()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		mustDial(t, p, request(1, 4, 0), &kernel{})
		check("one range", Use{Ports: 4, Leased: 1})
		time.Sleep(time.Hour)
		check("an hour later", Use{Ports: 4, Leased: 1})
		last := mustDial(t, p, request(10, 10, 0), &kernel{})
		check("two ranges", Use{Ports: 5, Leased: 2})
		mustDial(t, p, Request{Source: testSource, Ports: []policy.PortRange{{First: 1, Last: 2}}, Destination: testDestination}, &kernel{})
		time.Sleep(time.Hour)
		check("less of one range", Use{Ports: 3, Leased: 3})
		last.Release()
		check("the other is free", Use{Ports: 2, Leased: 2})
	})
}
