package suggest

import "fmt"

const longestName = 100 // bytes of the names and ids of a policy

// taken are the names that are in use, each with the number to try next behind it.
type taken map[string]int

// unique returns name, cut and with a number behind it if need be, and takes it.
func (t taken) unique(name string) string {
	name = name[:min(len(name), longestName-len("-1234567"))]
	candidate := name
	for t[candidate] > 0 {
		t[name]++
		candidate = fmt.Sprintf("%s-%d", name, t[name])
	}
	t[candidate] = 1
	return candidate
}

// taken returns the names of clients and groups, and the ids of rules and blocks, in the policy in force.
func (s *Survey) taken() (names, ids taken) {
	names, ids = make(taken), make(taken)
	if s.Policy == nil {
		return names, ids
	}
	src := s.Policy.Source()
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
