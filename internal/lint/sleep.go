package lint

import "go/ast"

// sleeps finds time.Sleep in the tests of a package where a real clock runs. Inside synctest.Test the clock is not
// real, nor is it in the functions of the package that are named there, however indirectly.
func sleeps(files []*source) []Finding {
	declared := make(map[string][]*ast.FuncDecl) // methods of several types share a name
	for _, file := range files {
		for _, decl := range file.ast.Decls {
			if f, isFunc := decl.(*ast.FuncDecl); isFunc {
				declared[f.Name.Name] = append(declared[f.Name.Name], f)
			}
		}
	}
	faked := make(map[*ast.FuncDecl]bool)
	for _, file := range files {
		ast.Inspect(file.ast, func(node ast.Node) bool {
			if isBubble(node) {
				fake(node, declared, faked)
			}
			return true
		})
	}
	var findings []Finding
	for _, file := range files {
		if file.test {
			findings = append(findings, file.realSleeps(faked)...)
		}
	}
	return findings
}

func isBubble(node ast.Node) bool {
	call, isCall := node.(*ast.CallExpr)
	return isCall && selector(call.Fun) == "synctest.Test"
}

// fake marks the functions that a piece of code names, and those that they name.
func fake(code ast.Node, declared map[string][]*ast.FuncDecl, faked map[*ast.FuncDecl]bool) {
	ast.Inspect(code, func(node ast.Node) bool {
		name, isIdent := node.(*ast.Ident)
		if !isIdent {
			return true
		}
		for _, f := range declared[name.Name] {
			if !faked[f] {
				faked[f] = true
				fake(f, declared, faked)
			}
		}
		return true
	})
}

// realSleeps returns the calls outside bubbles and outside the faked functions.
func (s *source) realSleeps(faked map[*ast.FuncDecl]bool) []Finding {
	var findings []Finding
	ast.Inspect(s.ast, func(node ast.Node) bool {
		switch f := node.(type) {
		case *ast.FuncDecl:
			return !faked[f]
		case *ast.CallExpr:
			if isBubble(f) {
				return false
			}
			if selector(f.Fun) == "time.Sleep" {
				findings = append(findings, s.finding(f, "wait for a condition, or for a fake clock, instead of time.Sleep"))
			}
		}
		return true
	})
	return findings
}
