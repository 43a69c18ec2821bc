package config

import (
	"path/filepath"
	"strings"

	"sallyport/internal/config/document"
)

// resolve returns a path relative to the directory of the file.
func resolve(dir, path string) string {
	// A path from the root stays what it is on Windows too, where it has no drive.
	if filepath.IsAbs(path) || strings.HasPrefix(path, "/") {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// pathFlaw finds what cannot be meant as the path of a file.
func pathFlaw(path string) *flaw {
	switch {
	case strings.Contains(path, "-----BEGIN"):
		return &flaw{"holds the certificate or key itself", "write it to a file and name the file here"}
	case strings.ContainsRune(path, 0):
		return &flaw{"holds a zero byte", ""}
	case strings.HasPrefix(path, "~"):
		return &flaw{`"~" is not expanded`, "write the whole path, or one relative to the directory of this file"}
	}
	return nil
}

// location resolves one path; empty stays empty.
func (c *checker) location(l Located[string]) Located[string] {
	if l.Value == "" {
		return l
	}
	if f := pathFlaw(l.Value); f != nil {
		c.report(l.Problem(f.message, f.hint))
	}
	return document.At(l, resolve(c.dir, l.Value))
}

// paths resolves a list of paths, none of which may appear twice.
func (c *checker) paths(list document.List) []Located[string] {
	resolved := make([]Located[string], 0, len(list.Value))
	seen := make(map[string]bool)
	for _, l := range list.Value {
		path := c.location(l)
		if seen[path.Value] {
			c.report(l.Problem("listed twice", ""))
		}
		seen[path.Value] = true
		resolved = append(resolved, path)
	}
	return resolved
}
