package config

import (
	"fmt"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// NamedData is the content of a file.
type NamedData struct {
	Name string // for positions
	Data []byte
}

// PolicyFiles are the files of a policy, which together are one.
type PolicyFiles struct {
	// Source is the policy as it was written. It has no ports: those come from
	// the configuration, see [Config.PolicyPorts].
	Source policy.Source

	// Hash identifies the content: it is the same for files that say the same,
	// whatever their names, order, comments and layout. Empty if there are errors.
	Hash string

	Files []string // as they were given

	tables map[policy.Section][]any // raw tables, in the order of Source
	wrong  map[wrongKey]wrongness
}

// LoadPolicy reads and parses the files that a configuration from [Load] names.
// It returns what [ParsePolicy] does, and nil also when a file could not be
// read. A configuration without [policy] has a policy that denies everything, and
// a warning.
func LoadPolicy(cfg *Config) (*PolicyFiles, Problems) {
	if !cfg.Policy.Set {
		files, _ := ParsePolicy(nil)
		return files, Problems{{
			Pos:     Position{File: cfg.Path},
			Message: "no [policy]: every connection is denied",
			Hint:    `add [policy] with files = ["policy.toml"]; ` + fmt.Sprintf(referenceHint, "policy.toml"),
			Warning: true,
		}}
	}
	var files []NamedData
	var missing Problems
	for _, f := range cfg.Policy.Files {
		data, err := read(f.Value, "policy.toml")
		if err != nil {
			missing = append(missing, *err)
			continue
		}
		files = append(files, NamedData{f.Value, data})
	}
	parsed, problems := ParsePolicy(files)
	if len(missing) > 0 {
		return nil, append(missing, problems...)
	}
	return parsed, problems
}

// ParsePolicy reads the files of a policy, all of which are one policy, and
// returns everything that is wrong with their form, in the order of the files.
// What is written in them is judged by [policy.Compile], whose faults
// [PolicyFiles.Problems] gives a place.
//
// The result is nil only when a file is empty or not TOML. With errors its
// source has every table, so that a check can go on; it must not decide
// anything.
func ParsePolicy(files []NamedData) (*PolicyFiles, Problems) {
	r := policyReader{
		PolicyFiles: &PolicyFiles{
			tables: make(map[policy.Section][]any),
			wrong:  make(map[wrongKey]wrongness),
		},
		names: make(map[string]Position),
		ids:   make(map[string]Position),
	}
	complete := true
	for _, f := range files {
		r.Files = append(r.Files, f.Name)
		complete = r.read(f) && complete
	}
	switch {
	case !complete:
		return nil, r.problems
	case !r.problems.HasErrors():
		r.Hash = hashOf(&r.Source)
	}
	return r.PolicyFiles, r.problems
}

// policyReader collects what the files say.
type policyReader struct {
	*PolicyFiles
	problems Problems
	names    map[string]Position // of clients and groups
	ids      map[string]Position // of rules and blocks
}

// read adds one file, and reports whether it could be understood at all.
func (r *policyReader) read(f NamedData) bool {
	if blank(f.Data) {
		r.problems = append(r.problems, Problem{
			Pos:     Position{File: f.Name},
			Message: "the file is empty",
			Hint:    "where that is meant, write a comment into it",
		})
		return false
	}
	doc, problems := document.Parse(f.Name, f.Data)
	if doc == nil {
		r.problems = append(r.problems, problems...)
		return false
	}
	raw := new(rawPolicyFile)
	c := policyChecker{newChecker(f.Name, append(problems, doc.Decode(raw)...)), r}
	c.file(raw)
	c.problems.Sort()
	r.problems = append(r.problems, c.problems...)
	r.note(c.problems)
	return true
}
