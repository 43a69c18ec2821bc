package upstream

import (
	"net/netip"
	"testing"
)

// TestAffinityIsTheSameEverywhere: the next process, or another host, must not move clients.
func TestAffinityIsTheSameEverywhere(t *testing.T) {
	tests := []struct {
		endpoint string
		client   string
		want     uint64
	}{
		{"10.0.0.1:2021", "10.2.0.5", 0x7d8e9269a6e4cf2e},
		{"10.0.0.1:2021", "::ffff:10.2.0.5", 0x7d8e9269a6e4cf2e},
		{"10.0.0.2:2021", "10.2.0.5", 0xb4dbdd6054a8fe5f},
		{"10.0.0.1:2021", "2001:db8::5", 0x44deed434e56bbf2},
	}
	for _, tt := range tests {
		if got := affinity(hashName(tt.endpoint), netip.MustParseAddr(tt.client)); got != tt.want {
			t.Errorf("affinity(%s, %s) = %#x, want %#x", tt.endpoint, tt.client, got, tt.want)
		}
	}
}

// TestAffinityIsFair: each endpoint has about as many of the clients of a network as any other.
func TestAffinityIsFair(t *testing.T) {
	names := []string{"10.0.0.1:2021", "10.0.0.2:2021", "10.0.0.3:2021", "10.0.0.4:2021", "10.0.0.5:2021"}
	const clients = 20000
	count := make(map[string]int)
	for n := range clients {
		count[favourite(names, clientOf(n))]++
	}
	for _, name := range names {
		if share := float64(count[name]) * float64(len(names)) / clients; share < 0.93 || share > 1.07 {
			t.Errorf("%s has %.2f of its share of clients", name, share)
		}
	}
}

// FuzzAffinity: an endpoint that comes or goes moves only those clients that go to it or were there, and order does not count.
func FuzzAffinity(f *testing.F) {
	f.Add([]byte{10, 2, 0, 5}, "a:1", "b:1", "c:1")
	f.Add(make([]byte, 16), "a:1", "a:2", "")
	f.Fuzz(func(t *testing.T, address []byte, a, b, c string) {
		client, ok := netip.AddrFromSlice(address)
		if !ok || a == b || b == c || a == c {
			return
		}
		with, without := favourite([]string{a, b, c}, client), favourite([]string{a, b}, client)
		if with != c && with != without {
			t.Errorf("%s moves from %s to %s when %s goes", client, with, without, c)
		}
		if other := favourite([]string{c, b, a}, client); other != with {
			t.Errorf("%s is at %s or %s, by the order of endpoints", client, with, other)
		}
	})
}

func favourite(names []string, client netip.Addr) string {
	best := 0
	for i, name := range names {
		if affinity(hashName(name), client) > affinity(hashName(names[best]), client) {
			best = i
		}
	}
	return names[best]
}
