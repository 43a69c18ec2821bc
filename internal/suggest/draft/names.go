package draft

import (
	"fmt"

	"sallyport/policy"
)

// LongestName is how many bytes the names and ids of a policy may have.
const LongestName = 100

// Names are those that are in use, each with the number to try next behind it.
type Names map[string]int

// Unique returns name, cut and with a number behind it if need be, and takes it.
func (n Names) Unique(name string) string {
	name = Cut(name, LongestName-len("-1234567"))
	candidate := name
	for n[candidate] > 0 {
		n[name]++
		candidate = fmt.Sprintf("%s-%d", name, n[name])
	}
	n[candidate] = 1
	return candidate
}

// NamesIn returns the names of clients and groups, and the ids of rules and blocks, of a policy. Of none, there are none.
func NamesIn(src *policy.Source) (names, ids Names) {
	names, ids = make(Names), make(Names)
	if src == nil {
		return names, ids
	}
	for i := range src.Clients {
		names[src.Clients[i].Name] = 1
	}
	for i := range src.Groups {
		names[src.Groups[i].Name] = 1
	}
	for i := range src.Rules {
		ids[src.Rules[i].ID] = 1
	}
	for i := range src.Blocks {
		ids[src.Blocks[i].ID] = 1
	}
	return names, ids
}
