package config

import (
	"strings"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// Problems returns faults found in the source with the places that they are
// about, in the order of the files. What [ParsePolicy] reported already is left
// out: a name that could not be read is not missing on top of it.
func (p *PolicyFiles) Problems(faults []policy.Fault) Problems {
	var problems Problems
	for _, f := range faults {
		at := p.place(&f)
		if p.reported(at) {
			continue
		}
		problem := at.Problem(f.Message, f.Hint)
		problem.Warning = f.Warning
		problems = append(problems, problem)
	}
	p.sort(problems)
	return problems
}

// place returns where the fault is: what it names, or the nearest thing to it
// that is in a file.
func (p *PolicyFiles) place(f *policy.Fault) document.Table {
	tables := p.tables[f.Section]
	if f.Index < 0 || f.Index >= len(tables) {
		return p.whole(f)
	}
	table := tables[f.Index]
	if at, ok := document.Find(table, f.Field, f.Element); ok {
		return at
	}
	at, ok := document.Find(table, "", -1)
	if !ok {
		return p.whole(f)
	}
	return at
}

// whole is the place of what no file has.
func (p *PolicyFiles) whole(f *policy.Fault) document.Table {
	at := document.Table{Key: f.Place()}
	if len(p.Files) > 0 {
		at.Pos.File = p.Files[0]
	}
	return at
}

// wrongKey is a key of one of the files.
type wrongKey struct{ file, key string }

type wrongness uint8

const (
	inPart  wrongness = iota + 1 // something in it is wrong
	asWhole                      // nothing in it can be judged
)

// note remembers the keys that have an error.
func (p *PolicyFiles) note(problems Problems) {
	for _, problem := range problems.Errors() {
		file := problem.Pos.File
		p.wrong[wrongKey{file, problem.Key}] = asWhole
		for key := outer(problem.Key); key != ""; key = outer(key) {
			at := wrongKey{file, key}
			p.wrong[at] = max(p.wrong[at], inPart)
		}
	}
}

// reported tells that something is wrong with the key already: with itself,
// something in it, or something around it.
func (p *PolicyFiles) reported(at document.Table) bool {
	if p.wrong[wrongKey{at.Pos.File, at.Key}] > 0 {
		return true
	}
	for key := outer(at.Key); key != ""; key = outer(key) {
		if p.wrong[wrongKey{at.Pos.File, key}] == asWhole {
			return true
		}
	}
	return false
}

// outer returns the key that a key is in: allow[3] for allow[3].from.
func outer(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}
