package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"sallyport/internal/config/document"
)

// directory is the file system as far as finding files goes.
type directory interface {
	Glob(pattern string) ([]string, error) // as of path/filepath
	Stat(name string) (fs.FileInfo, error)
}

// disk is the directory that there is.
type disk struct{}

func (disk) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }
func (disk) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// find fills in the files that the patterns stand for.
func (p *Policy) find(in directory) Problems {
	var problems Problems
	known := make(map[string]bool)
	for _, pattern := range p.Patterns {
		find := named
		if pattern.Glob {
			find = matching
		}
		found, problem := find(in, pattern.Located)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		for _, path := range found {
			if !known[path] {
				known[path] = true
				p.Files = append(p.Files, document.At(pattern.Located, path))
			}
		}
	}
	slices.SortFunc(p.Files, func(a, b Located[string]) int { return cmp.Compare(a.Value, b.Value) })
	return problems
}

// matching returns the files that a glob stands for.
func matching(in directory, pattern Located[string]) ([]string, *Problem) {
	paths, err := in.Glob(pattern.Value)
	if err != nil {
		return nil, at(pattern, err.Error(), "")
	}
	paths = slices.DeleteFunc(paths, func(path string) bool {
		if hidden(path) && !hidden(pattern.Value) {
			return true // as in a shell; editors leave such files behind
		}
		info, err := in.Stat(path)
		return err == nil && info.IsDir()
	})
	if len(paths) == 0 {
		return nil, at(pattern, fmt.Sprintf("no file matches %q", pattern.Value), fromDirectory)
	}
	return paths, nil
}

const fromDirectory = "relative paths start from the directory of this file"

// named returns the file of a path.
func named(in directory, path Located[string]) ([]string, *Problem) {
	info, err := in.Stat(path.Value)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, at(path, fmt.Sprintf("no such file: %q", path.Value), fromDirectory)
	case err != nil:
		return nil, at(path, unreadable(path.Value, "", err).Message+fmt.Sprintf(": %q", path.Value), "")
	case info.IsDir():
		return nil, at(path, fmt.Sprintf("%q is a directory", path.Value),
			fmt.Sprintf("for all files in it write %q", path.Value+"/*.toml"))
	}
	return []string{path.Value}, nil
}

func at(l Located[string], message, hint string) *Problem {
	p := l.Problem(message, hint)
	return &p
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

// literal quotes what would be a wildcard in a directory that is none of the
// pattern. Windows has no way to.
func literal(dir string) string {
	if runtime.GOOS == "windows" {
		return dir
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}
