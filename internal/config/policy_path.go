package config

import (
	"os"
	"path/filepath"
	"strings"

	"sallyport/internal/config/document"
)

// LoadPolicyAt reads the policy that a path means on a command line, where no configuration
// has to name it: a policy file; a directory, whose *.toml are one policy; a glob, whose
// files are; or a configuration, for the policy that it names. It returns what
// [LoadPolicy] does.
func LoadPolicyAt(path string) (*PolicyFiles, Problems) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return loadPolicyGlob(path, filepath.Join(literal(path), "*.toml"), "policy files end in .toml")
	case err != nil && strings.ContainsAny(path, wildcards):
		return loadPolicyGlob(path, path, "")
	}
	data, problem := read(path, "policy.toml")
	switch {
	case problem != nil:
		return nil, Problems{*problem}
	case isConfiguration(path, data):
		return loadPolicyOf(path)
	default:
		return ParsePolicy([]NamedData{{path, data}})
	}
}

// loadPolicyOf reads the policy of a configuration, which has to be without errors itself.
func loadPolicyOf(path string) (*PolicyFiles, Problems) {
	cfg, problems := Load(path)
	if cfg == nil || problems.HasErrors() {
		return nil, problems
	}
	files, more := LoadPolicy(cfg)
	return files, append(problems, more...)
}

// loadPolicyGlob reads all files of a glob as one policy.
func loadPolicyGlob(path, glob, hint string) (*PolicyFiles, Problems) {
	named := Located[string]{Value: glob, Pos: Position{File: path}}
	paths, problem := matching(disk{}, named)
	if problem != nil {
		problem.Hint = hint
		return nil, Problems{*problem}
	}
	var files []NamedData
	var problems Problems
	for _, p := range paths {
		data, problem := read(p, "policy.toml")
		switch {
		case problem != nil:
			problems = append(problems, *problem)
		case isConfiguration(p, data):
			problems = append(problems, Problem{
				Pos:     Position{File: p},
				Message: "is a configuration, not a policy file",
				Hint:    "name it alone, and the files in its [policy] are read",
			})
		default:
			files = append(files, NamedData{p, data})
		}
	}
	parsed, more := ParsePolicy(files)
	if len(problems) > 0 {
		return nil, append(problems, more...)
	}
	return parsed, more
}

// isConfiguration tells a configuration from a policy file by what is in it.
func isConfiguration(path string, data []byte) bool {
	doc, _ := document.Parse(path, data)
	if doc == nil {
		return false
	}
	var raw rawFile
	doc.Decode(&raw)
	return raw.Policy.Set || len(raw.Applications) > 0
}
