// Package lint enforces the conventions of this repository that gofmt, vet and staticcheck do not know: how long a
// file may be, which package may import which, and the few calls that have no place here.
//
// The repository itself is checked by the package's test, so `go test ./internal/lint` is the lint step. Every rule
// has a fixture there that it must refuse.
package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Finding is one place that breaks a convention.
type Finding struct {
	File string
	Line int // 0: the file as a whole
	Text string
}

func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
}

// Check returns all findings in a tree, in the order of files and lines. Files that build constraints exclude on this
// machine are looked at like all others; testdata, version control, nested modules and what a build or a run leaves
// behind are not.
func Check(tree fs.FS) ([]Finding, error) {
	var findings []Finding
	packages := make(map[string][]*source)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if skipped(tree, name) {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		findings = append(findings, layout(name, content)...)
		if path.Ext(name) != ".go" {
			return nil
		}
		file, err := parse(name, content)
		if err != nil {
			return err
		}
		packages[file.dir] = append(packages[file.dir], file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, files := range packages {
		findings = append(findings, sleeps(files)...)
		for _, file := range files {
			findings = append(findings, file.imports()...)
			findings = append(findings, file.calls()...)
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return findings, nil
}

func skipped(tree fs.FS, dir string) bool {
	if dir == "." {
		return false
	}
	base := path.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") && base != ".ci" {
		return true
	}
	switch dir {
	case "bin", "state", "dist", "bench/out":
		return true
	}
	_, err := fs.Stat(tree, path.Join(dir, "go.mod"))
	return err == nil
}

// source is a Go file.
type source struct {
	name string // its path in the tree
	dir  string
	test bool // named _test.go
	fset *token.FileSet
	ast  *ast.File
}

func parse(name string, content []byte) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, bytes.NewReader(content), parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{
		name: name,
		dir:  path.Dir(name),
		test: strings.HasSuffix(name, "_test.go"),
		fset: fset,
		ast:  file,
	}, nil
}

func (s *source) finding(at ast.Node, format string, args ...any) Finding {
	return Finding{File: s.name, Line: s.fset.Position(at.Pos()).Line, Text: fmt.Sprintf(format, args...)}
}

// selector returns "time.Sleep" for a use of that name from another package, and "" for everything else. Packages are
// known by the name that the file gives them.
func selector(node ast.Node) string {
	sel, isSelector := node.(*ast.SelectorExpr)
	if !isSelector {
		return ""
	}
	x, isIdent := sel.X.(*ast.Ident)
	if !isIdent {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}
