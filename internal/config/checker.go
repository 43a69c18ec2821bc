package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/config/document"
)

// Parse is Load without the file: path is used in positions and as the place
// that relative paths start from. It opens nothing.
func Parse(path string, data []byte) (*Config, Problems) {
	if blank(data) {
		return nil, Problems{{
			Pos:     Position{File: path},
			Message: "the file is empty",
			Hint:    fmt.Sprintf(referenceHint, "config.toml"),
		}}
	}
	doc, problems := document.Parse(path, data)
	if doc == nil {
		return nil, problems
	}
	var raw rawFile
	c := newChecker(path, append(problems, doc.Decode(&raw)...))
	cfg := c.file(&raw)
	c.problems.Sort()
	return cfg, c.problems
}

func blank(data []byte) bool {
	return len(bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))) == 0
}

// checker turns raw values into valid ones and collects what is wrong.
type checker struct {
	path, dir string
	problems  Problems
	decoded   map[string]bool // keys that decoding found wrong already
	sockets   sockets
}

func newChecker(path string, problems Problems) *checker {
	c := &checker{path: path, dir: filepath.Dir(path), problems: problems, decoded: make(map[string]bool)}
	for _, p := range problems {
		c.decoded[p.Key] = true
	}
	return c
}

// report adds a problem, unless the key has no usable value anyway: what is of
// the wrong type is not judged on top of it.
func (c *checker) report(p Problem) {
	if !c.decoded[p.Key] {
		c.problems = append(c.problems, p)
	}
}

// flaw is what is wrong with a value, before it is known where it stands.
type flaw struct{ message, hint string }

func (c *checker) file(raw *rawFile) *Config {
	cfg := &Config{Path: c.path, Dir: c.dir, Written: outline(raw)}
	cfg.Host = c.host(raw.Host)
	cfg.Policy = c.policy(raw.Policy)
	cfg.Limits = c.limits(raw.Limits)
	cfg.Reload = c.reload(raw.Reload)
	cfg.Admin = c.admin(raw.Admin, cfg.Host.StateDir)
	cfg.Log = c.log(raw.Log)
	cfg.Applications = c.applications(raw, cfg.Host)
	c.shared(cfg.Applications)
	c.listened(cfg.Applications)
	return cfg
}

func (c *checker) host(raw rawHost) Host {
	credentials, _ := c.group(raw.rawGroup, LevelHost)
	return Host{
		Name:        c.printable(raw.Name, longestHost),
		StateDir:    c.location(raw.StateDir).Value,
		Credentials: credentials,
	}
}

const longestHost = 255 // bytes of what this host is called

// printable refuses text that would garble a log.
func (c *checker) printable(l Located[string], longest int) Located[string] {
	switch {
	case strings.ContainsFunc(l.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		c.report(l.Problem("holds control characters", ""))
	case len(l.Value) > longest:
		c.report(l.Problem(fmt.Sprintf("is %d bytes long, at most %d are allowed", len(l.Value), longest), ""))
	}
	return l
}

// choose takes one word of a closed list. An unknown one leaves Value empty.
func choose[T ~string](c *checker, l Located[string], known ...T) Located[T] {
	if l.Value == "" || slices.Contains(known, T(l.Value)) {
		return document.At(l, T(l.Value))
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	c.report(l.Problem(fmt.Sprintf("unknown value %q", l.Value), wordHint(l.Value, words)))
	return document.At(l, T(""))
}

// wordHint names the word that was meant, or all there are.
func wordHint(word string, known []string) string {
	if near := Suggest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 1 {
		return "only " + quotedList(known) + " is known"
	}
	return "one of " + quotedList(known)
}

func quotedList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(quoted, ", ")
}
