package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Above a file's directory, nothing but a rename of a directory matters, and the periodic look finds that, too. With
// inotify hearing of it at once costs one watch; elsewhere it may cost a descriptor for every file of a directory.
const watchAncestors = runtime.GOOS == "linux"

const maxLinks = 40 // on the way to one file, as in Linux

// places are the directories to watch for a set, and the names in them that matter.
type places struct {
	dirs     map[string]place // by path, free of links
	names    map[string]bool  // of files, links and directories, without their directory
	patterns []string         // for such names

	// What is known so far; not kept.
	steps map[string]step // by path whose directory is free of links
	homes map[string]home // by a file's directory as it is named
}

// home is what a directory's name leads to.
type home struct {
	dir    string // free of links
	exists bool
}

type place struct {
	info   fs.FileInfo // tells a directory from another at the same path
	needed bool        // otherwise it is only above others
}

// step is one name on the way to a file.
type step struct {
	info   fs.FileInfo // nil: there is nothing
	target string      // of a link
}

// locate finds the places for a set. It looks at directories and links only.
func locate(set Set) *places {
	p := &places{
		dirs:  make(map[string]place),
		names: make(map[string]bool),
		steps: make(map[string]step),
		homes: make(map[string]home),
	}
	for _, pattern := range set.Globs {
		p.addGlob(pattern)
		for _, path := range glob(pattern) {
			p.add(path)
		}
	}
	for _, path := range set.Files {
		p.add(path)
	}
	p.steps, p.homes = nil, nil // large, and soon outdated
	return p
}

// addGlob adds the directories in which a match may appear, at every level of the pattern.
func (p *places) addGlob(pattern string) {
	for {
		p.patterns = append(p.patterns, filepath.Base(pattern))
		dir := filepath.Dir(pattern)
		for _, path := range expand(dir) {
			p.add(filepath.Join(path, "any"))
		}
		if !wild(dir) {
			return
		}
		pattern = dir
	}
}

// add walks to a file and notes each directory in which a change may lead elsewhere.
func (p *places) add(path string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return // without a working directory, relative paths lead nowhere
	}
	parent := filepath.Dir(abs)
	at, known := p.homes[parent]
	if !known {
		volume := filepath.VolumeName(parent)
		at.dir, at.exists = p.walk(volume+string(filepath.Separator), split(parent[len(volume):]), false)
		p.homes[parent] = at
	}
	if at.exists && parent != abs {
		p.walk(at.dir, []string{filepath.Base(abs)}, true)
	}
}

// walk goes from a directory that is free of links along the names, and returns the directory that they lead to, if
// they do. What they lead to matters itself only if it is to be a file.
func (p *places) walk(dir string, names []string, file bool) (string, bool) {
	for links := 0; len(names) > 0; {
		name := names[0]
		names = names[1:]
		if name == ".." { // of a link's target
			dir = filepath.Dir(dir)
			continue
		}
		path := filepath.Join(dir, name)
		here := p.step(path)
		switch {
		case here.info != nil && here.info.IsDir():
			p.want(dir, name, file && len(names) == 0)
			dir = path
		case here.info != nil && here.info.Mode()&fs.ModeSymlink != 0 && links < maxLinks:
			links++
			p.want(dir, name, true)
			volume := filepath.VolumeName(here.target)
			if filepath.IsAbs(here.target) {
				dir = volume + string(filepath.Separator)
			}
			names = append(split(here.target[len(volume):]), names...)
		default:
			p.want(dir, name, true)
			return "", false
		}
	}
	return dir, true
}

// split returns the names in a path. It leaves ".." in: behind a link only the file system knows where that leads.
func split(path string) []string {
	names := strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
	kept := names[:0]
	for _, name := range names {
		if name != "." {
			kept = append(kept, name)
		}
	}
	return kept
}

func (p *places) step(path string) step {
	if known, ok := p.steps[path]; ok {
		return known
	}
	var s step
	if info, err := os.Lstat(path); err == nil {
		s.info = info
		if info.Mode()&fs.ModeSymlink != 0 {
			s.target, _ = os.Readlink(path)
		}
	}
	if s.info == nil || !s.info.Mode().IsRegular() { // files are seldom asked for twice
		p.steps[path] = s
	}
	return s
}

func (p *places) want(dir, name string, needed bool) {
	if !needed && !watchAncestors {
		return
	}
	p.names[name] = true
	wanted, known := p.dirs[dir]
	if !known {
		wanted.info = p.step(dir).info
		p.names[filepath.Base(dir)] = true // events about the directory itself
	}
	wanted.needed = wanted.needed || needed
	p.dirs[dir] = wanted
}

// matter reports whether an event about a path may change what is found.
func (p *places) matter(path string) bool {
	name := filepath.Base(path)
	if p.names[name] {
		return true
	}
	for _, pattern := range p.patterns {
		if matched, _ := filepath.Match(pattern, name); matched {
			return true
		}
	}
	return false
}
