package lint

import (
	"go/ast"
	"slices"
	"strings"
	"unicode"
)

// dictated are method names that an interface of somebody else demands.
var dictated = []string{"GetCertificate", "GetClientCertificate", "GetConfigForClient"}

// calls holds what production code does not do.
func (s *source) calls() []Finding {
	if s.test {
		return nil
	}
	var findings []Finding
	ast.Inspect(s.ast, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			findings = append(findings, s.declaration(node)...)
		case *ast.KeyValueExpr:
			if key, isIdent := node.Key.(*ast.Ident); isIdent {
				findings = append(findings, s.field(node, key.Name, node.Value)...)
			}
		case *ast.AssignStmt:
			for i, left := range node.Lhs {
				if sel, isSelector := left.(*ast.SelectorExpr); isSelector && i < len(node.Rhs) {
					findings = append(findings, s.field(node, sel.Sel.Name, node.Rhs[i])...)
				}
			}
		case *ast.CallExpr:
			findings = append(findings, s.call(node)...)
		}
		return true
	})
	return findings
}

func (s *source) declaration(f *ast.FuncDecl) []Finding {
	name := f.Name.Name
	if name == "init" && f.Recv == nil {
		return []Finding{s.finding(f, "no init functions")}
	}
	rest, isGetter := strings.CutPrefix(name, "Get")
	if isGetter && rest != "" && unicode.IsUpper(rune(rest[0])) && !slices.Contains(dictated, name) {
		return []Finding{s.finding(f, "%s: no Get in names", name)}
	}
	return nil
}

// field looks at a value that is given to a field, in a literal or by assignment.
func (s *source) field(at ast.Node, name string, value ast.Expr) []Finding {
	switch name {
	case "InsecureSkipVerify":
		if off, isIdent := value.(*ast.Ident); isIdent && off.Name == "false" {
			return nil
		}
		return []Finding{s.finding(at, "InsecureSkipVerify is for tests")}
	case "VerifyPeerCertificate":
		return []Finding{s.finding(at, "VerifyPeerCertificate is skipped on resumption; decide from the finished ConnectionState")}
	}
	return nil
}

func (s *source) call(call *ast.CallExpr) []Finding {
	if !s.library() {
		return nil
	}
	switch name := selector(call.Fun); {
	case name == "os.Exit":
		return []Finding{s.finding(call, "only main exits")}
	case name == "fmt.Print", name == "fmt.Printf", name == "fmt.Println":
		return []Finding{s.finding(call, "library packages do not print")}
	}
	if builtin, isIdent := call.Fun.(*ast.Ident); isIdent && (builtin.Name == "print" || builtin.Name == "println") {
		return []Finding{s.finding(call, "library packages do not print")}
	}
	return nil
}
