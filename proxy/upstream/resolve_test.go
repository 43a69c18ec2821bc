package upstream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// nameService answers with what it is told, after a while, and counts.
type nameService struct {
	mu    sync.Mutex
	addrs []netip.Addr
	err   error
	takes time.Duration
	asked int
}

func (n *nameService) tell(err error, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs, n.err = nil, err
	for _, addr := range addrs {
		n.addrs = append(n.addrs, netip.MustParseAddr(addr))
	}
}

func (n *nameService) delay(takes time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.takes = takes
}

func (n *nameService) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	n.asked++
	takes, addrs, err := n.takes, n.addrs, n.err
	n.mu.Unlock()
	select {
	case <-time.After(takes):
		return addrs, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// newNameService returns a service for a bubble with a fake clock, and a function that resolves a name, which
// must give result, as text, after the service was asked so many times in all.
func newNameService(t *testing.T) (service *nameService, want func(result string, asked int)) {
	service = &nameService{}
	resolver := NewResolver(service)
	t.Cleanup(func() { time.Sleep(time.Hour) }) // for what still runs behind the test
	return service, func(result string, asked int) {
		t.Helper()
		addrs, err := resolver.resolve(t.Context(), "server.example")
		got := errorText(err)
		for _, addr := range addrs {
			got += addr.String() + " "
		}
		if got != result {
			t.Errorf("resolve = %q, want %q", got, result)
		}
		service.mu.Lock()
		defer service.mu.Unlock()
		if service.asked != asked {
			t.Errorf("asked %d times, want %d", service.asked, asked)
		}
	}
}

func TestResolveRemembersBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, want := newNameService(t)
		service.tell(nil, "192.0.2.1", "2001:db8::1")
		want("192.0.2.1 2001:db8::1 ", 1)
		service.tell(nil, "192.0.2.2")
		time.Sleep(resolveFresh - time.Nanosecond)
		want("192.0.2.1 2001:db8::1 ", 1)
		time.Sleep(time.Nanosecond)
		want("192.0.2.2 ", 2)
	})
}

func TestResolveStandsInForFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, want := newNameService(t)
		service.tell(nil, "192.0.2.1")
		want("192.0.2.1 ", 1)
		service.tell(errors.New("no answer"))
		time.Sleep(resolveStale - time.Nanosecond)
		want("192.0.2.1 ", 2)
		time.Sleep(time.Nanosecond)
		want("no answer", 3)
		service.tell(nil, "192.0.2.2")
		want("192.0.2.2 ", 4)
	})
}

func TestResolveFailureIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, want := newNameService(t)
		service.tell(errors.New("no answer"))
		want("no answer", 1)
		service.tell(nil)
		want("lookup server.example: no address", 2)
		service.tell(nil, "192.0.2.1")
		want("192.0.2.1 ", 3)
	})
}

// TestResolveDoesNotWaitForHangingService: an old answer does while a new one does not come, and the
// time for dialling is not used up.
func TestResolveDoesNotWaitForHangingService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, want := newNameService(t)
		service.tell(nil, "192.0.2.1")
		want("192.0.2.1 ", 1)
		time.Sleep(resolveFresh)
		service.tell(nil, "192.0.2.2")
		service.delay(30 * time.Second)
		begun := time.Now()
		want("192.0.2.1 ", 2)
		if waited := time.Since(begun); waited > time.Second {
			t.Errorf("waited %v with an answer at hand", waited)
		}
		time.Sleep(30 * time.Second) // the question went on behind it
		want("192.0.2.2 ", 2)
	})
}

func TestResolveUnmaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, want := newNameService(t)
		service.tell(nil, "::ffff:192.0.2.1")
		want("192.0.2.1 ", 1)
	})
}

func TestResolveLiteral(t *testing.T) {
	service := &nameService{}
	resolver := NewResolver(service)
	for host, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1",
		"2001:db8::1":      "2001:db8::1",
		"fe80::1%eth0":     "fe80::1%eth0",
		"::ffff:192.0.2.1": "192.0.2.1",
	} {
		addrs, err := resolver.resolve(t.Context(), host)
		if err != nil || len(addrs) != 1 || addrs[0].String() != want {
			t.Errorf("resolve(%q) = %v, %v, want %s", host, addrs, err, want)
		}
	}
	if service.asked != 0 {
		t.Error("the name service was asked for an address")
	}
}

// TestResolveAsksOnce: a burst of sessions asks one question, and one that gives up takes the answer from nobody.
func TestResolveAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &nameService{takes: 3 * time.Second}
		service.tell(nil, "192.0.2.1")
		resolver := NewResolver(service)
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first := make(chan error, 1)
		go func() {
			_, err := resolver.resolve(hasty, "server.example")
			first <- err
		}()
		synctest.Wait()
		var others sync.WaitGroup
		for range 100 {
			others.Go(func() {
				if addrs, err := resolver.resolve(t.Context(), "server.example"); err != nil || len(addrs) != 1 {
					t.Errorf("resolve = %v, %v", addrs, err)
				}
			})
		}
		var dns *net.DNSError
		if err := <-first; !errors.As(err, &dns) || !dns.IsTimeout {
			t.Errorf("the hasty one is told %v, want a time-out", err)
		}
		others.Wait()
		if service.asked != 1 {
			t.Errorf("asked %d times, want once", service.asked)
		}
	})
}

// TestResolveForgets: names that a reload took out of use do not stay for ever.
func TestResolveForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &nameService{}
		service.tell(nil, "192.0.2.1")
		resolver := NewResolver(service)
		for _, host := range []string{"a.example", "b.example"} {
			if _, err := resolver.resolve(t.Context(), host); err != nil {
				t.Fatal(err)
			}
			time.Sleep(resolveStale)
		}
		if _, ok := resolver.known("a.example"); ok {
			t.Error("an old answer is kept")
		}
	})
}
