package config

import (
	"crypto/sha256"
	"slices"
)

// Loader reads a configuration again and again. As long as the file says the same it is not parsed again, and what
// successive loads return shares its memory, which therefore nobody may change. The zero value is ready. It is not
// safe for concurrent use.
type Loader struct {
	path     string
	content  [sha256.Size]byte
	parsed   *Config // without the files of the policy; nil: nothing is remembered
	problems Problems
}

// Load does what the function [Load] does.
func (l *Loader) Load(path string) (*Config, Problems) {
	data, unreadable := read(path, "config.toml")
	if unreadable != nil {
		return nil, Problems{*unreadable}
	}
	if sum := sha256.Sum256(data); l.parsed == nil || l.path != path || l.content != sum {
		l.path, l.content = path, sum
		l.parsed, l.problems = Parse(path, data)
	}
	problems := slices.Clone(l.problems)
	if l.parsed == nil {
		return nil, problems
	}
	cfg := *l.parsed
	problems = append(problems, cfg.Policy.find(disk{})...)
	problems.Sort()
	return &cfg, problems
}
