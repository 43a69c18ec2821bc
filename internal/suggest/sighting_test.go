package suggest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func TestBoundSourcePorts(t *testing.T) {
	repeat := func(ports ...uint16) (all []sighting) {
		for _, port := range ports {
			all = append(all, sighting{port, 2})
		}
		return all
	}
	run := func(first uint16, n int, count uint32) (all []sighting) {
		for i := range n {
			all = append(all, sighting{first + uint16(2*i), count})
		}
		return all
	}
	type ranges = []policy.PortRange
	tests := []struct {
		name  string
		ports []sighting
		want  ranges
	}{
		{"none", nil, nil},
		{"neighbours make a range", repeat(20003, 20001, 20002, 20010), ranges{{First: 20001, Last: 20003}, {First: 20010, Last: 20010}}},
		{"once, below the ephemeral range", []sighting{{20001, 1}}, ranges{{First: 20001, Last: 20001}}},
		{"once, in the ephemeral range", []sighting{{40001, 1}}, nil},
		{"again and again in the ephemeral range", repeat(40001, 40002), ranges{{First: 40001, Last: 40002}}},
		{"one of them only once", append(repeat(40001), sighting{40002, 1}), nil},
		{"above the range of Linux, where others choose from", []sighting{{61000, 1}}, nil},
		{"the last one below the range", []sighting{{32767, 1}}, ranges{{First: 32767, Last: 32767}}},
		{"the first one of the range", []sighting{{32768, 1}}, nil},
		{"the end of all ports", repeat(65535, 65534), ranges{{First: 65534, Last: 65535}}},
		{"no port at all", repeat(0, 1), nil},
		{"many that come again by chance", run(40000, mostRepeated+1, 2), nil},
		{"very many below the range", run(20000, mostPorts+1, 9), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var one, other, both sightings
			for i, s := range test.ports {
				one.add(s)
				if i%2 == 0 {
					other.add(s)
				} else {
					both.add(s)
				}
			}
			both.addAll(&other)
			if diff := cmp.Diff(test.want, one.bound(new(policy.Source).EphemeralRange())); diff != "" {
				t.Errorf("source ports (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(one.bound(new(policy.Source).EphemeralRange()), both.bound(new(policy.Source).EphemeralRange())); diff != "" {
				t.Errorf("added in two parts (-one +both):\n%s", diff)
			}
			if one.String() != both.String() {
				t.Errorf("added in two parts: %q, want %q", &both, &one)
			}
		})
	}
}
