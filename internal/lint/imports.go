package lint

import (
	"strconv"
	"strings"
)

const module = "sallyport"

// house returns the part of the tree that a package belongs to: the first element of its path, two below internal.
// Packages of one house may import each other.
func house(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "internal" && len(parts) > 1 {
		return "internal/" + parts[1]
	}
	return parts[0]
}

// forTests reports whether a house serves tests alone.
func forTests(house string) bool {
	switch house {
	case "integration", "bench", "internal/lint":
		return true
	}
	return strings.HasPrefix(house, "internal/test")
}

// mayImport is the order of the houses: the command wires everything, policy is what all share, nobody else knows
// anybody. Test files may use the test support besides.
func mayImport(from, to string, test bool) bool {
	switch {
	case from == to:
		return true
	case strings.HasPrefix(to, "internal/test"):
		return test || forTests(from)
	case forTests(to):
		return false
	case from == "cmd":
		return true
	case from == "policy", from == "certs":
		return false
	default:
		return to == "policy"
	}
}

// imports holds the import rules. It looks at what a file imports itself: where every package keeps the rules, what
// they import in turn does too.
func (s *source) imports() []Finding {
	var findings []Finding
	from := house(s.dir)
	for _, spec := range s.ast.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the compiler says so
		}
		dir, ours := strings.CutPrefix(imported, module+"/")
		if ours && !mayImport(from, house(dir), s.test) {
			findings = append(findings, s.finding(spec, "%s may not import %s", s.dir, imported))
		}
		if imported == "log" && s.library() {
			findings = append(findings, s.finding(spec, "library packages log through the log/slog logger they are handed"))
		}
	}
	return findings
}

// library reports whether a file is production code of a package that others import.
func (s *source) library() bool { return !s.test && s.ast.Name.Name != "main" }
