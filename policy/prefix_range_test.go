package policy_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func TestLastOf(t *testing.T) {
	for text, want := range map[string]string{
		"0.0.0.0/0":          "255.255.255.255",
		"10.0.0.0/8":         "10.255.255.255",
		"10.1.2.3/8":         "10.255.255.255",
		"10.0.0.0/9":         "10.127.255.255",
		"10.0.0.4/31":        "10.0.0.5",
		"255.255.255.255/32": "255.255.255.255",
		"::/0":               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db8::/33":      "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff",
		"2001:db8::1/128":    "2001:db8::1",
	} {
		if got := policy.LastOf(netip.MustParsePrefix(text)); got.String() != want {
			t.Errorf("%s ends at %s, want %s", text, got, want)
		}
	}
}

func TestPrefixesOf(t *testing.T) {
	for _, c := range []struct {
		first, last string
		want        []string
	}{
		{"10.0.0.1", "10.0.0.1", []string{"10.0.0.1/32"}},
		{"10.0.0.0", "10.0.0.255", []string{"10.0.0.0/24"}},
		{"10.0.0.1", "10.0.0.6", []string{"10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"}},
		{"0.0.0.0", "255.255.255.255", []string{"0.0.0.0/0"}},
		{"0.0.0.1", "0.0.0.3", []string{"0.0.0.1/32", "0.0.0.2/31"}},
		{"255.255.255.254", "255.255.255.255", []string{"255.255.255.254/31"}},
		{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", []string{"::/0"}},
		{"::", "::2", []string{"::/127", "::2/128"}},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", []string{
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffd/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"}},
		{"10.0.0.2", "10.0.0.1", nil},
	} {
		var got []string
		for _, p := range policy.PrefixesOf(netip.MustParseAddr(c.first), netip.MustParseAddr(c.last)) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s-%s (-want +got):\n%s", c.first, c.last, diff)
		}
	}
}

// FuzzPrefixesOf checks that prefixes make up a range exactly, and that no two of them are one.
func FuzzPrefixesOf(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0}, []byte{255, 255, 255, 255})
	f.Add([]byte{10, 0, 0, 1}, []byte{10, 0, 0, 254})
	f.Add(make([]byte, 16), slices.Repeat([]byte{255}, 16))
	f.Add(slices.Repeat([]byte{1}, 16), slices.Repeat([]byte{254}, 16))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		first, ok := netip.AddrFromSlice(a)
		last, fine := netip.AddrFromSlice(b)
		if !ok || !fine || first.BitLen() != last.BitLen() {
			return
		}
		if last.Less(first) {
			first, last = last, first
		}
		next := first
		all := policy.PrefixesOf(first, last)
		for i, p := range all {
			if p.Addr() != next || p != p.Masked() {
				t.Fatalf("%s-%s: %s does not begin at %s", first, last, p, next)
			}
			if wider := netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked(); i > 0 && p.Bits() > 0 && all[i-1].Bits() == p.Bits() && wider.Contains(all[i-1].Addr()) {
				t.Fatalf("%s-%s: %s and %s are one", first, last, all[i-1], p)
			}
			next = policy.LastOf(p).Next()
		}
		if policy.LastOf(all[len(all)-1]) != last {
			t.Fatalf("%s-%s ends with %s", first, last, all[len(all)-1])
		}
	})
}
