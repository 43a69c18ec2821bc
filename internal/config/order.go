package config

import (
	"cmp"
	"slices"
)

// Sort puts problems into the order in which one goes through the files: the
// configuration, whatever else it names, and then the files of the policy as they follow
// each other. Those of one file stand as they do in it; those of one place keep their order.
func (cfg *Config) Sort(problems Problems) {
	files := make([]string, len(cfg.Policy.Files))
	for i, f := range cfg.Policy.Files {
		files[i] = f.Value
	}
	order := fileOrder(files)
	order[cfg.Path] = -1
	order[""] = -1 // what is about no file
	sortByFile(problems, order)
}

// sort puts problems into the order of the files.
func (p *PolicyFiles) sort(problems Problems) { sortByFile(problems, fileOrder(p.Files)) }

// fileOrder numbers files, from 1 on; 0 is for all others.
func fileOrder(files []string) map[string]int {
	order := make(map[string]int, len(files)+2)
	for i, name := range slices.Backward(files) {
		order[name] = i + 1
	}
	return order
}

func sortByFile(problems Problems, order map[string]int) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(order[a.Pos.File], order[b.Pos.File]), a.Pos.Compare(b.Pos))
	})
}
