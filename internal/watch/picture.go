package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// picture is what was found of a set. It is not changed once it is drawn.
type picture struct {
	files map[string]entry // the set's, and those that its patterns match
	globs map[string]matches
}

// matches is what a pattern matches.
type matches struct {
	list string // sorted, each ended by a zero byte
	dirs string // the stamps of the directories: what appeared and went again left a trace there
}

// draw looks at everything in a set. What stat says did not change since last is not read, unless full is set.
func (e *eye) draw(set Set, last picture, full bool) picture {
	p := picture{
		files: make(map[string]entry, len(set.Files)),
		globs: make(map[string]matches, len(set.Globs)),
	}
	for _, pattern := range set.Globs {
		dirs := stampsOf(expand(filepath.Dir(pattern))) // before the matches, so that it is not newer
		paths := glob(pattern)
		p.globs[pattern] = matches{list: strings.Join(append(paths, ""), "\x00"), dirs: dirs}
		for _, path := range paths {
			e.add(p, path, last, full)
		}
	}
	for _, path := range set.Files {
		e.add(p, path, last, full)
	}
	return p
}

func (e *eye) add(p picture, path string, last picture, full bool) {
	if _, known := p.files[path]; !known {
		p.files[path] = e.look(path, last.files[path], full)
	}
}

// glob returns the files that a pattern matches, sorted. As in a shell, it does not match hidden ones by accident:
// editors leave their locks and backups there.
func glob(pattern string) []string {
	paths, _ := filepath.Glob(pattern) // a malformed pattern matches nothing
	paths = slices.DeleteFunc(paths, func(path string) bool {
		if hidden(path) && !hidden(pattern) {
			return true
		}
		info, err := os.Stat(path)
		return err == nil && info.IsDir()
	})
	slices.Sort(paths)
	return slices.Compact(paths)
}

// expand returns the directories that the directory part of a pattern stands for.
func expand(dir string) []string {
	if !wild(dir) {
		return []string{dir}
	}
	dirs, _ := filepath.Glob(dir)
	return dirs
}

func wild(path string) bool {
	return strings.ContainsAny(path, `*?[`) || runtime.GOOS != "windows" && strings.Contains(path, `\`)
}

func stampsOf(dirs []string) string {
	var stamps []stamp
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil {
			stamps = append(stamps, stampOf(info))
		}
	}
	return fmt.Sprint(stamps)
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

// covers reports whether the picture shows everything that a set names.
func (p picture) covers(set Set) bool {
	for _, path := range set.Files {
		if p.files[path].kind == unsure {
			return false
		}
	}
	for _, pattern := range set.Globs {
		if _, known := p.globs[pattern]; !known {
			return false
		}
	}
	return true
}

// doubting returns the picture of what a reader saw between p and now, for all that now shows. What was touched in
// between may have been anything for a moment.
func (p picture) doubting(now picture) picture {
	seen := picture{files: make(map[string]entry, len(now.files)), globs: make(map[string]matches)}
	for pattern, found := range now.globs {
		if before, known := p.globs[pattern]; known && before.dirs == found.dirs {
			seen.globs[pattern] = before
		}
	}
	for path, found := range now.files {
		if before := p.files[path]; before.stamp == found.stamp && !before.torn {
			seen.files[path] = before
		}
	}
	return seen
}

// finding is what distinguishes a picture from another.
type finding struct {
	differs  bool
	doubtful bool // something is missing, empty or was written while it was read: perhaps only for a moment
}

// compare says what differs in now from p.
func (p picture) compare(now picture) finding {
	var f finding
	for pattern, found := range now.globs {
		before, known := p.globs[pattern]
		if known && before.list == found.list {
			continue
		}
		f.differs = true
		for path := range strings.SplitSeq(before.list, "\x00") {
			if _, still := now.files[path]; path != "" && !still {
				f.doubtful = true
			}
		}
	}
	for path, found := range now.files {
		if before := p.files[path]; before.content == found.content {
			continue
		}
		f.differs = true
		f.doubtful = f.doubtful || found.broken() || found.torn
	}
	return f
}
