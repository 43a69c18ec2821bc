package policy

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestLimitMapIsAMapWithABound(t *testing.T) {
	const limit = 300
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 11))
		m, want := limitMap[int, bool]{limit: limit}, make(map[int]bool) // the value tells whether the entry is spent
		spent := func(key int, v *bool) bool {
			if *v != want[key] {
				t.Fatalf("seed %d: entry %d is %t, want %t", seed, key, *v, want[key])
			}
			if *v {
				delete(want, key)
			}
			return *v
		}
		for range 5000 {
			key := r.IntN(1000)
			value := m.find(key)
			if _, ok := want[key]; (value != nil) != ok {
				t.Fatalf("seed %d: entry %d is there: %t, want %t", seed, key, value != nil, ok)
			}
			switch n := r.IntN(10); {
			case value == nil && n < 9:
				if m.add(key, spent) != nil {
					want[key] = false
				} else if len(want) < limit {
					t.Fatalf("seed %d: no room at %d of %d entries", seed, len(want), limit)
				}
			case value != nil && n < 7:
				*value, want[key] = true, true
			case n < 9:
				m.remove(key)
				delete(want, key)
			case r.IntN(20) == 0:
				m.sweep(len(m.order), spent)
				for key := range want {
					if want[key] {
						t.Fatalf("seed %d: entry %d is spent and survived a whole sweep", seed, key)
					}
				}
			}
			if len(m.order) > limit || len(m.order) != len(want) || len(m.index) != len(want) {
				t.Fatalf("seed %d: %d entries in order, %d in the index, want %d", seed, len(m.order), len(m.index), len(want))
			}
		}
	}
}

func TestLimitMapSweepsEverythingFromAnywhere(t *testing.T) {
	for cursor := range 8 {
		m := limitMap[int, bool]{limit: 8}
		for key := range 8 {
			m.add(key, func(int, *bool) bool { return false })
		}
		m.cursor = cursor
		seen := make(map[int]int)
		m.sweep(len(m.order), func(key int, _ *bool) bool {
			seen[key]++
			return key%2 == 0
		})
		for key := range 8 {
			if seen[key] != 1 {
				t.Errorf("from %d: entry %d was looked at %d times", cursor, key, seen[key])
			}
		}
		if len(m.order) != 4 || len(m.index) != 4 {
			t.Errorf("from %d: %d entries are left, want 4", cursor, len(m.order))
		}
	}
}

func TestLimitMapSweepsAsItGrows(t *testing.T) {
	m := limitMap[int, bool]{limit: 1 << 20}
	always := func(int, *bool) bool { return true }
	for key := range 100_000 {
		m.add(key, always)
		if len(m.order) > limitSweep {
			t.Fatalf("%d entries that are spent are kept", len(m.order))
		}
	}
}

func TestLimitSource(t *testing.T) {
	for _, tt := range []struct {
		addr string
		bits int
		want string
	}{
		{"10.1.2.3", 0, "10.1.2.3/32"},
		{"10.1.2.3", 8, "10.1.2.3/32"},
		{"::ffff:10.1.2.3", 96, "10.1.2.3/32"},
		{"0.0.0.0", 0, "0.0.0.0/32"},
		{"2001:db8::1", 0, "2001:db8::/64"},
		{"2001:db8::1%eth0", 0, "2001:db8::/64"},
		{"2001:db8::1%eth0", 128, "2001:db8::1/128"},
		{"2001:db8:1:2:3::1", 48, "2001:db8:1::/48"},
		{"2001:db8:1:2:3::1", 999, "2001:db8:1:2:3::1/128"},
		{"::1", 0, "::/64"},
		{"::", 1, "::/1"},
		{"", 64, "invalid Prefix"},
	} {
		addr, _ := netip.ParseAddr(tt.addr)
		key, ok := limitSourceOf(addr, tt.bits)
		if ok != addr.IsValid() {
			t.Errorf("source of %q: %t", tt.addr, ok)
		}
		if !ok {
			continue
		}
		if got := key.prefix().String(); got != tt.want {
			t.Errorf("source of %q at %d bits = %s, want %s", tt.addr, tt.bits, got, tt.want)
		}
		if again, ok := limitSourceOfPrefix(key.prefix()); !ok || again != key {
			t.Errorf("%s is not its own source: %v", tt.want, again)
		}
	}
	if wide, _ := limitSourceOfPrefix(netip.MustParsePrefix("10.1.2.3/8")); wide.prefix().String() != "10.0.0.0/8" {
		t.Errorf("a prefix that a match may have is %s, want 10.0.0.0/8", wide.prefix())
	}
}
