package firewall_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// chooser makes choices out of bytes; when they are used up it takes the first.
type chooser struct{ data []byte }

func (c *chooser) below(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

// The points at which regions are looked at: both ends of each family and of the ports, and neighbours between.
var (
	points = addrs("0.0.0.0", "0.0.0.1", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "127.255.255.255", "128.0.0.0",
		"255.255.255.254", "255.255.255.255",
		"::", "::1", "2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::ffff", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	numbers = []uint16{0, 1, 2, 1023, 1024, 20001, 20002, 65534, 65535}
)

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func prefix(text string) netip.Prefix {
	p, err := policy.ParsePrefix(text)
	if err != nil {
		panic(err)
	}
	return p
}

func randomPatches(c *chooser, label int) []firewall.Patch {
	var all []firewall.Patch
	for range c.below(8) {
		first, last := c.below(len(points)), c.below(len(points))
		first, last = min(first, last), max(first, last)
		if points[first].BitLen() != points[last].BitLen() {
			first = last
		}
		p, q := c.below(len(numbers)), c.below(len(numbers))
		ports := policy.PortRange{First: numbers[min(p, q)], Last: numbers[max(p, q)]}
		all = append(all, firewall.Patch{First: points[first], Last: points[last], Ports: ports, Label: int32(label + c.below(3))})
	}
	return all
}

// labelsAt is the model: one patch after the other.
func labelsAt(patches []firewall.Patch, at netip.AddrPort) []int32 {
	var labels []int32
	for _, p := range patches {
		a := at.Addr()
		if a.BitLen() == p.First.BitLen() && !a.Less(p.First) && !p.Last.Less(a) && p.Ports.Contains(at.Port()) {
			labels = append(labels, p.Label)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

func FuzzRegion(f *testing.F) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		data := make([]byte, 120)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &chooser{data}
		mine, others := randomPatches(c, 0), randomPatches(c, 2)
		a, b := firewall.RegionOf(mine), firewall.RegionOf(others)
		if pieces := firewall.RegionOf(shredded(c, mine)); !reflect.DeepEqual(a, pieces) {
			t.Fatalf("%v is another region in pieces:\n%v\n%v", mine, a, pieces)
		}
		regions := map[string]firewall.Region{
			"mine": a, "others": b, "minus": a.Minus(b), "common": a.Common(b), "plus": a.Plus(b),
			"minus none": a.Minus(nil), "common with none": a.Common(nil), "plus none": a.Plus(nil), "none plus": firewall.Region(nil).Plus(a),
		}
		for name, region := range regions {
			checkCanonical(t, name, region)
		}
		for _, addr := range points {
			for _, port := range numbers {
				at := netip.AddrPortFrom(addr, port)
				in, of := labelsAt(mine, at), labelsAt(others, at)
				want := map[string][]int32{
					"mine": in, "others": of, "plus": slices.Compact(slices.Sorted(slices.Values(slices.Concat(in, of)))),
					"minus none": in, "plus none": in, "none plus": in, "common with none": nil,
				}
				if of != nil {
					want["common"] = in
				} else {
					want["minus"] = in
				}
				for name, region := range regions {
					if got := region.Find(at); !slices.Equal(got, want[name]) {
						t.Fatalf("%s: %s has labels %v, want %v\nmine %v\nothers %v", name, at, got, want[name], mine, others)
					}
				}
			}
		}
	})
}

// shredded cuts patches into pieces that overlap, and mixes them.
func shredded(c *chooser, patches []firewall.Patch) []firewall.Patch {
	var all []firewall.Patch
	for _, p := range patches {
		cuts := slices.DeleteFunc(slices.Clone(points), func(a netip.Addr) bool {
			return a.BitLen() != p.First.BitLen() || a.Less(p.First) || p.Last.Less(a)
		})
		middle := cuts[c.below(len(cuts))]
		low, high := p, p
		low.Last, high.First = middle, middle
		if p.Ports.First < p.Ports.Last && c.below(2) == 1 {
			part := high
			part.Ports.Last, high.Ports.First = part.Ports.First, part.Ports.First+1
			all = append(all, part)
		}
		all = slices.Insert(all, c.below(len(all)+1), low, high)
	}
	return all
}

// checkCanonical looks whether a region is as short as can be, and ordered.
func checkCanonical(t *testing.T, name string, r firewall.Region) {
	t.Helper()
	if again := firewall.RegionOf(r.Patches()); !reflect.DeepEqual(r, again) {
		t.Fatalf("%s is not canonical:\n%v\n%v", name, r, again)
	}
	for i, s := range r {
		if s.Last.Less(s.First) || s.First.BitLen() != s.Last.BitLen() || len(s.Spans) == 0 {
			t.Fatalf("%s: slab %v", name, s)
		}
		if i > 0 && !r[i-1].Last.Less(s.First) {
			t.Fatalf("%s: slab %v after %v", name, s, r[i-1])
		}
		if i > 0 && r[i-1].Last.Next() == s.First && reflect.DeepEqual(r[i-1].Spans, s.Spans) {
			t.Fatalf("%s: slab %v only continues %v", name, s, r[i-1])
		}
		for j, span := range s.Spans {
			labels := slices.Compact(slices.Sorted(slices.Values(span.Labels)))
			if span.First > span.Last || len(labels) == 0 || !slices.Equal(labels, span.Labels) {
				t.Fatalf("%s: span %v", name, span)
			}
			if j == 0 {
				continue
			}
			switch before := s.Spans[j-1]; {
			case before.Last >= span.First:
				t.Fatalf("%s: span %v after %v", name, span, before)
			case before.Last+1 == span.First && slices.Equal(before.Labels, span.Labels):
				t.Fatalf("%s: span %v only continues %v", name, span, before)
			}
		}
	}
}

// What an operation returns shares memory with what it was made of, so nothing may write there.
func TestRegionsAreImmutable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	for range 300 {
		data := make([]byte, 120)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		c := &chooser{data}
		mine, others := randomPatches(c, 0), randomPatches(c, 2)
		a, b := firewall.RegionOf(mine), firewall.RegionOf(others)
		a.Plus(b).Minus(b).Common(a).Plus(a.Minus(b)).Minus(a.Common(b))
		if !reflect.DeepEqual(a, firewall.RegionOf(mine)) || !reflect.DeepEqual(b, firewall.RegionOf(others)) {
			t.Fatalf("changed: %v or %v", a, b)
		}
	}
}
