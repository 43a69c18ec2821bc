package sourceport

import (
	"encoding/binary"
	"slices"
	"testing"

	"sallyport/policy"
)

// FuzzCanonical: canonical ranges have the ports of the ranges that they are made of, but for port 0, each of them once.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte{0, 1, 0, 4})
	f.Add([]byte{0, 5, 0, 6, 0, 1, 0, 4})
	f.Add([]byte{0, 0, 255, 255, 0, 3, 0, 1, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		var ranges []policy.PortRange
		want := make([]bool, 65536)
		for ; len(data) >= 4 && len(ranges) < 20; data = data[4:] {
			r := policy.PortRange{First: binary.BigEndian.Uint16(data), Last: binary.BigEndian.Uint16(data[2:])}
			ranges = append(ranges, r)
			for port := max(int(r.First), 1); port <= int(r.Last); port++ {
				want[port] = true
			}
		}
		given := slices.Clone(ranges)
		got, total := canonical(ranges), 0
		for port, wanted := range want {
			if contains(got, uint16(port)) != wanted {
				t.Fatalf("%v: port %d of %v", got, port, given)
			}
			if wanted {
				total++
			}
		}
		if size(got) != total || !isCanonical(got) || !slices.Equal(given, ranges) {
			t.Errorf("%v has size %d, want %d; the ranges given are %v and were %v", got, size(got), total, ranges, given)
		}
	})
}

func TestDescribe(t *testing.T) {
	var ranges []policy.PortRange
	for n := range uint16(11) {
		ranges = append(ranges, policy.PortRange{First: 10 * n, Last: 10*n + n%2})
	}
	if got, want := describe(ranges), "0,10-11,20,30-31,40,50-51,60,70-71,3 more ranges"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
