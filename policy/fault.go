package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Section is a table of a policy file.
type Section string

const (
	ClientSection   Section = "client"
	GroupSection    Section = "group"
	AllowSection    Section = "allow"
	BlockSection    Section = "block"
	DefaultsSection Section = "defaults"
	LockoutSection  Section = "lockout"
	AuditSection    Section = "audit"
	TestSection     Section = "test"
)

// Fault is something wrong in a [Source], told by what it is about, so that whoever read
// the source can point at the line.
type Fault struct {
	Section Section
	Index   int    // of the table in its section; 0 where there is only one
	Field   string // as it is called in policy files; empty for the table as a whole
	Element int    // of the field's list; -1 for the field as a whole
	Warning bool   // the policy works all the same
	Message string
	Hint    string // how to mend it; may be empty
}

// Place returns the path of what the fault is about, such as "allow[3].from[0]".
func (f *Fault) Place() string {
	var b strings.Builder
	b.WriteString(string(f.Section))
	switch f.Section {
	case DefaultsSection, LockoutSection, AuditSection:
	default:
		fmt.Fprintf(&b, "[%d]", f.Index)
	}
	if f.Field != "" {
		b.WriteString("." + f.Field)
	}
	if f.Element >= 0 {
		fmt.Fprintf(&b, "[%d]", f.Element)
	}
	return b.String()
}

// sectionOrder is the order of a policy file's reference.
var sectionOrder = [...]Section{ClientSection, GroupSection, AllowSection, BlockSection, DefaultsSection,
	LockoutSection, AuditSection, TestSection}

// faults collects what is wrong.
type faults struct{ list []Fault }

// spot is what a fault is about.
type spot struct {
	section Section
	index   int
	field   string
	element int
}

// at returns the spot of a whole field.
func at(section Section, index int, field string) spot { return spot{section, index, field, -1} }

// item returns the spot of an element of a field's list.
func (s spot) item(i int) spot {
	s.element = i
	return s
}

func (f *faults) add(s spot, warning bool, message, hint string) {
	f.list = append(f.list, Fault{s.section, s.index, s.field, s.element, warning, message, hint})
}

func (f *faults) fail(s spot, message, hint string) { f.add(s, false, message, hint) }

func (f *faults) warn(s spot, message, hint string) { f.add(s, true, message, hint) }

// failed reports whether anything is more than a warning.
func (f *faults) failed() bool {
	return slices.ContainsFunc(f.list, func(fault Fault) bool { return !fault.Warning })
}

// sorted returns the faults in the order of the source. Faults of one table keep the
// order in which they were found.
func (f *faults) sorted() []Fault {
	slices.SortStableFunc(f.list, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(slices.Index(sectionOrder[:], a.Section), slices.Index(sectionOrder[:], b.Section)),
			cmp.Compare(a.Index, b.Index))
	})
	return f.list
}

// mostQuoted is how many bytes of a text are shown.
const mostQuoted = 200

// quoted quotes text that may be long or hostile.
func quoted(text string) string {
	if len(text) <= mostQuoted {
		return strconv.Quote(text)
	}
	return strconv.Quote(strings.ToValidUTF8(text[:mostQuoted], "")) + "..."
}

// enumerate joins words for people.
func enumerate(words []string) string {
	quotes := make([]string, len(words))
	for i, word := range words {
		quotes[i] = quoted(word)
	}
	if len(quotes) < 2 {
		return strings.Join(quotes, "")
	}
	return strings.Join(quotes[:len(quotes)-1], ", ") + " or " + quotes[len(quotes)-1]
}

// more is the remark that count further things are like the one that was named.
func more(count int) string {
	if count <= 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", count)
}
