//go:build unix

package main

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/handover"
	"sallyport/proxy/sourceport"
)

// leaseTuple is the use of one source port.
func leaseTuple(port uint16) sourceport.Tuple {
	source := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	return sourceport.Tuple{Source: source, Destination: netip.MustParseAddrPort("127.0.0.1:2021")}
}

// process is one that has leases, and perhaps some of those before it.
type process struct {
	testing.TB
	upstreams *upstreams
	offer     *leaseOffer
}

// newProcess returns one whose connections hold some source ports.
func newProcess(t testing.TB, ports ...uint16) *process {
	p := &process{TB: t, upstreams: newUpstreams(slog.New(slog.DiscardHandler))}
	for _, port := range ports {
		p.upstreams.ports.Inherit([]sourceport.Tuple{leaseTuple(port)})
	}
	return p
}

// handTo makes the handover as two real processes would, up to whether it is committed.
func (p *process) handTo(next *process, commit bool) {
	p.Helper()
	var err error
	if p.offer, err = p.upstreams.offerLeases(); err != nil {
		p.Fatal(err)
	}
	defer p.offer.end()
	streams := duplicates(p, p.offer.sockets())
	text, err := json.Marshal(p.offer.pause())
	if err != nil {
		p.Fatal(err)
	}
	if !commit {
		for _, s := range streams {
			s.Close()
		}
		return
	}
	var leases []*foreignLeases
	if err := json.Unmarshal(text, &leases); err != nil {
		p.Fatal(err)
	}
	next.upstreams.adoptLeases(leases, streams)
	p.offer.give()
}

func duplicates(t testing.TB, sockets []handover.Socket) (files []*os.File) {
	t.Helper()
	for _, s := range sockets {
		raw, err := s.File.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) {
			duplicate, err := syscall.Dup(int(fd))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, os.NewFile(uintptr(duplicate), s.Name))
		})
	}
	return files
}

// frees gives ports back, as connections that end do.
func (p *process) frees(ports ...uint16) {
	for _, port := range ports {
		p.upstreams.ports.Return(leaseTuple(port))
	}
}

// dies ends what a process says.
func (p *process) dies() { close(p.offer.own.ready) }

// holds waits until these and no others count as in use.
func (p *process) holds(what string, ports ...uint16) {
	p.Helper()
	var got []uint16
	eventually(p, what, func() bool {
		got = nil
		for _, t := range p.upstreams.ports.Held() {
			got = append(got, t.Source.Port())
		}
		slices.Sort(got)
		return slices.Equal(ports, got)
	})
}

// TestLeasesAreHandedOver: the next process knows what connections of this one hold, is told what comes free, and has all when
// this one ends.
func TestLeasesAreHandedOver(t *testing.T) {
	first, second := newProcess(t, 1, 2, 3, 4), newProcess(t)
	first.handTo(second, true)
	second.holds("the leases of the first", 1, 2, 3, 4)
	first.frees(1, 3)
	second.holds("what is left", 2, 4)
	first.dies()
	second.holds("nothing")
}

// TestLeasesWhileHandedOver: what comes free before the next process is told of it is told behind it.
func TestLeasesWhileHandedOver(t *testing.T) {
	first, second := newProcess(t, 1, 2), newProcess(t)
	offer, err := first.upstreams.offerLeases()
	if err != nil {
		t.Fatal(err)
	}
	streams, leases := duplicates(t, offer.sockets()), offer.pause()
	first.frees(1)
	second.upstreams.adoptLeases(leases, streams)
	second.holds("both", 1, 2)
	offer.give()
	offer.end()
	second.holds("what is left", 2)
	close(offer.own.ready)
	second.holds("nothing")
}

// TestLeasesOfThreeProcesses: the one in the middle can end before the first, of which the third hears all the same.
func TestLeasesOfThreeProcesses(t *testing.T) {
	first, second, third := newProcess(t, 1, 2, 3), newProcess(t, 11, 12), newProcess(t)
	first.handTo(second, true)
	first.frees(1)
	second.holds("what both have", 2, 3, 11, 12)
	second.handTo(third, true)
	third.holds("what both have", 2, 3, 11, 12)
	second.dies()
	third.holds("what the first has", 2, 3)
	first.frees(2)
	third.holds("what is left", 3)
	first.dies()
	third.holds("nothing")
}

// TestLeasesAfterAFailedHandover: everything goes on as before.
func TestLeasesAfterAFailedHandover(t *testing.T) {
	first, second := newProcess(t, 1, 2, 3), newProcess(t, 11)
	first.handTo(second, true)
	second.holds("all", 1, 2, 3, 11)
	for range 3 {
		second.handTo(newProcess(t), false)
	}
	first.frees(1)
	second.frees(11)
	second.holds("what is left", 2, 3)
	third := newProcess(t)
	second.handTo(third, true)
	first.frees(2)
	third.holds("what is left", 3)
	first.dies()
	second.dies()
	third.holds("nothing")
}

// TestLeasesOfAProcessThatEnded are not handed on.
func TestLeasesOfAProcessThatEnded(t *testing.T) {
	first, second, third := newProcess(t, 1), newProcess(t, 2), newProcess(t)
	first.handTo(second, true)
	first.dies()
	second.holds("its own", 2)
	eventually(t, "it is known that the first has ended", func() bool { return len(second.upstreams.foreign()) == 0 })
	second.handTo(third, true)
	third.holds("what the second has", 2)
	second.dies()
	third.holds("nothing")
}

// TestPartialMessage: what was read of a message goes with the stream.
func TestPartialMessage(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	message, err := json.Marshal(leaseTuple(1))
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t)
	f := &foreignLeases{Held: []sourceport.Tuple{leaseTuple(1), leaseTuple(2)}, Partial: message[:5]}
	p.upstreams.adoptLeases([]*foreignLeases{f}, []*os.File{read})
	write.Write(message[5:20])
	eventually(t, "the beginning is read", func() bool {
		f.pause()
		defer f.resume()
		return cmp.Equal(message[:20], f.Partial)
	})
	write.Write(append(message[20:], '\n'))
	p.holds("what is left", 2)
}

// TestLeasesOfNobody: who does not read does not hold anybody up.
func TestLeasesOfNobody(t *testing.T) {
	stream, err := newLeaseStream()
	if err != nil {
		t.Fatal(err)
	}
	stream.read.Close()
	stream.released(leaseTuple(1))
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
