package main

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/proxy/sourceport"
)

// tuples are some that a process before this one left behind.
func tuples() []sourceport.Tuple {
	var list []sourceport.Tuple
	for port := uint16(20001); port <= 20004; port++ {
		source := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		list = append(list, sourceport.Tuple{Source: source, Destination: netip.MustParseAddrPort("127.0.0.1:2021")})
	}
	return list
}

// TestLeasesAreHandedOver: the next process knows what connections of this one hold, is told what comes free, even what did between
// the two messages, and has all when it ends.
func TestLeasesAreHandedOver(t *testing.T) {
	old, next := sourceport.New(), sourceport.New()
	old.Inherit(tuples())
	stream, err := newLeaseStream()
	if err != nil {
		t.Fatal(err)
	}
	old.Follow(stream.released)
	held := old.Held()
	old.Return(tuples()[0]) // before the next process hears of any
	receiveLeases(next, held, stream.read, slog.New(slog.DiscardHandler))
	if diff := cmp.Diff(held, next.Held(), cmp.Comparer(func(a, b sourceport.Tuple) bool { return a == b })); diff != "" {
		t.Errorf("held by the next process (-want +got):\n%s", diff)
	}
	sent := make(chan struct{})
	go func() {
		stream.send()
		close(sent)
	}()
	eventually(t, "what came free before is told", func() bool { return len(next.Held()) == 3 })
	old.Return(tuples()[1])
	eventually(t, "what comes free is told", func() bool { return len(next.Held()) == 2 })

	old.Follow(nil)
	close(stream.ready) // as if the process ended
	<-sent
	eventually(t, "everything is free", func() bool { return len(next.Held()) == 0 })
}

// TestLeasesOfAProcessThatIsGone: who does not read does not hold anybody up.
func TestLeasesOfAProcessThatIsGone(t *testing.T) {
	stream, err := newLeaseStream()
	if err != nil {
		t.Fatal(err)
	}
	stream.read.Close()
	stream.released(sourceport.Tuple{})
	sent := make(chan struct{})
	go func() {
		stream.send()
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(patience):
		t.Error("it goes on sending to nobody")
	}
}
