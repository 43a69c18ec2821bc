package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// elementKind is what an entry of a from, members or exempt list is.
type elementKind uint8

const (
	noElement elementKind = iota
	clientElement
	groupElement
	prefixElement
	anyElement
	loopbackElement
)

// element is such an entry, understood. It is comparable.
type element struct {
	kind   elementKind
	index  int // of the client or group in the source
	prefix netip.Prefix
}

// resolved is what the names of a source mean.
type resolved struct {
	names   map[string]element // of clients and groups
	ports   map[string][]int   // application/port and application/* to indices
	from    [][]element        // of each rule; noElement where there was a fault
	to      [][]int            // ports of each rule, ascending, each once
	members [][]element        // of each group
	exempt  []element
}

// resolver finds out what names mean, and which are used.
type resolver struct {
	*faults
	*resolved
	src         *Source
	usedClients []bool
	usedGroups  []bool
	suggestions int // still to be made: each looks at all names
}

func newResolver(src *Source, f *faults) *resolver {
	return &resolver{
		faults: f,
		resolved: &resolved{
			names: make(map[string]element, len(src.Clients)+len(src.Groups)),
			ports: make(map[string][]int, len(src.Ports)),
		},
		src:         src,
		usedClients: make([]bool, len(src.Clients)),
		usedGroups:  make([]bool, len(src.Groups)),
		suggestions: 100,
	}
}

func (r *resolver) indexPorts() {
	for i := range r.src.Ports {
		p := &r.src.Ports[i]
		for _, name := range []string{p.Name(), p.Application + "/*"} {
			r.ports[name] = append(r.ports[name], i)
		}
	}
}

// define enters the name of a client or group.
func (r *resolver) define(name string, meaning element, where spot) {
	if !r.checkName("name", name, where) {
		return
	}
	earlier, taken := r.names[name]
	if !taken {
		r.names[name] = meaning
		return
	}
	section := ClientSection
	if earlier.kind == groupElement {
		section = GroupSection
	}
	f := Fault{Section: section, Index: earlier.index, Field: "name", Element: -1}
	r.fail(where, "the name "+quoted(name)+" is taken by "+f.Place(), "clients and groups share their names; each is defined once")
}

// checkName refuses what could be mistaken for something else.
func (r *resolver) checkName(kind, name string, where spot) bool {
	switch {
	case name == "":
		r.fail(where, "the "+kind+" is missing", "")
	case name == AnyName || name == LoopbackName:
		r.fail(where, quoted(name)+" is built in", "choose another "+kind)
	case len(name) > 100:
		r.fail(where, "the "+kind+" is longer than 100 bytes", "")
	case strings.ContainsFunc(name, notInNames):
		hint := "letters, digits, '.', '_' and '-' make " + withArticle(kind)
		if _, err := ParsePrefix(name); err == nil {
			hint = "an address is written where it is meant and needs no " + kind
		}
		r.fail(where, quoted(name)+" cannot be "+withArticle(kind), hint)
	case !strings.ContainsFunc(name, unicode.IsLetter):
		r.fail(where, quoted(name)+" has no letter and looks like an address or number", "choose another "+kind)
	default:
		return true
	}
	return false
}

// withArticle returns "a name" or "an id".
func withArticle(kind string) string {
	if strings.HasPrefix(kind, "i") {
		return "an " + kind
	}
	return "a " + kind
}

func notInNames(c rune) bool {
	return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-", c)
}

// element understands an entry of a list.
func (r *resolver) element(text string, where spot) element {
	switch text {
	case AnyName:
		return element{kind: anyElement}
	case LoopbackName:
		return element{kind: loopbackElement}
	}
	if meaning, known := r.names[text]; known {
		r.use(meaning)
		return meaning
	}
	if text == "" {
		r.fail(where, "a name or address is missing", `"any" stands for everybody`)
		return element{}
	}
	if text == "localhost" {
		r.fail(where, "unknown client "+quoted(text), quoted(LoopbackName)+" stands for the addresses of this host")
		return element{}
	}
	if strings.ContainsAny(text, ":/%") || !strings.ContainsFunc(text, unicode.IsLetter) {
		prefix, err := ParsePrefix(text)
		if err != nil {
			r.failParse(where, err)
			return element{}
		}
		return element{kind: prefixElement, prefix: prefix}
	}
	r.fail(where, "unknown client "+quoted(text), r.suggest(text, r.sourceNames())+
		"clients are defined with [[client]], groups with [[group]]")
	return element{}
}

// use notes that a name is referred to.
func (r *resolver) use(e element) {
	if e.kind == clientElement {
		r.usedClients[e.index] = true
	} else {
		r.usedGroups[e.index] = true
	}
}

func (r *resolver) failParse(where spot, err error) {
	m, isMalformed := err.(*Malformed)
	if !isMalformed {
		m = &Malformed{Problem: err.Error()}
	}
	r.fail(where, m.Problem, m.Hint)
}

// elements understands a list.
func (r *resolver) elements(list []string, where spot) []element {
	all := make([]element, len(list))
	seen := make(map[element]int, len(list))
	for i, text := range list {
		e := r.element(text, where.item(i))
		all[i] = e
		if e.kind == noElement {
			continue
		}
		if first, twice := seen[e]; twice {
			r.warn(where.item(i), quoted(text)+" says the same as "+quoted(list[first])+" before it", "")
			continue
		}
		seen[e] = i
	}
	return all
}

// wildcard returns the application all of whose ports an entry of a to list stands for.
func wildcard(text string) (application string, isWildcard bool) {
	return strings.CutSuffix(text, "/*")
}

// destination understands an entry of a to list and returns the ports, nil after a fault.
func (r *resolver) destination(text string, where spot) []int {
	if ports := r.ports[text]; len(ports) > 0 {
		return ports
	}
	const form = `write "application/port", or "application/*" for all its ports`
	application, id, ok := strings.Cut(text, "/")
	switch {
	case !ok || application == "" || id == "" || strings.Contains(id, "/"):
		r.fail(where, quoted(text)+" is not a destination", form)
	case application == "*":
		r.fail(where, quoted(text)+" names no application", "only the port may be *: what every application is open to, every rule has to say")
	case len(r.ports[application+"/*"]) == 0:
		r.fail(where, "unknown application "+quoted(application), r.suggest(application, r.applications())+
			"applications are defined with [[application]] in the configuration")
	default:
		r.fail(where, "unknown port "+quoted(text), r.suggest(text, r.portNames(application))+
			"ports are defined with [[application.port]] in the configuration")
	}
	return nil
}

// destinations understands a list and returns the ports, ascending, each once.
func (r *resolver) destinations(list []string, where spot) []int {
	named := make(map[int]bool)
	for i, text := range list {
		ports := r.destination(text, where.item(i))
		before := len(named)
		for _, p := range ports {
			named[p] = true
		}
		if len(ports) > 0 && len(named) == before {
			r.warn(where.item(i), quoted(text)+" is named already by what comes before it", "")
		}
	}
	return slices.Sorted(maps.Keys(named))
}

// suggest returns the beginning of a hint.
func (r *resolver) suggest(word string, candidates []string) string {
	if r.suggestions--; r.suggestions < 0 {
		return ""
	}
	slices.Sort(candidates)
	if near := nearest(word, slices.Values(candidates)); near != "" {
		return didYouMean(near) + " "
	}
	return ""
}

func (r *resolver) sourceNames() []string {
	names := []string{AnyName, LoopbackName}
	for name := range r.names {
		names = append(names, name)
	}
	return names
}

func (r *resolver) applications() []string {
	var names []string
	for i := range r.src.Ports {
		names = append(names, r.src.Ports[i].Application)
	}
	return names
}

func (r *resolver) portNames(application string) []string {
	var names []string
	for _, i := range r.ports[application+"/*"] {
		names = append(names, r.src.Ports[i].Name())
	}
	return names
}
