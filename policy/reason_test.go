package policy_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sallyport/policy"
)

// constants returns the values of all constants of type Reason in the source.
func constants(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
		return true
	})
	return values
}

func TestReasonsExplainsEveryCodeOnce(t *testing.T) {
	explained := make(map[string]int)
	form := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	previous := policy.Reason("")
	for _, e := range policy.Reasons() {
		explained[string(e.Reason)]++
		if !form.MatchString(string(e.Reason)) {
			t.Errorf("code %q is not in lower snake case", e.Reason)
		}
		if e.Text == "" || strings.HasSuffix(e.Text, ".") || strings.Contains(e.Text, "\n") {
			t.Errorf("explanation of %s is empty or no plain sentence: %q", e.Reason, e.Text)
		}
		if e.Reason < previous {
			t.Errorf("%s stands behind %s", e.Reason, previous)
		}
		previous = e.Reason
	}
	codes := constants(t)
	if len(codes) < 30 {
		t.Fatalf("found %d codes in the source, so this test looks at the wrong thing", len(codes))
	}
	for _, code := range codes {
		if explained[code] != 1 {
			t.Errorf("code %s is explained %d times, want once", code, explained[code])
		}
		delete(explained, code)
	}
	for code := range explained {
		t.Errorf("explanation of %s, which is no code", code)
	}
}

func TestReasonOf(t *testing.T) {
	refusal := policy.Refuse(policy.HeaderTimeout, io.EOF)
	for _, c := range []struct {
		name string
		err  error
		want policy.Reason
	}{
		{"a refusal", refusal, policy.HeaderTimeout},
		{"a wrapped refusal", fmt.Errorf("port: %w", refusal), policy.HeaderTimeout},
		{"another error", io.EOF, policy.InternalError},
		{"none", nil, policy.InternalError},
	} {
		if got := policy.ReasonOf(c.err, policy.InternalError); got != c.want {
			t.Errorf("%s: ReasonOf = %s, want %s", c.name, got, c.want)
		}
	}
	if !errors.Is(refusal, io.EOF) {
		t.Error("a refusal does not unwrap to its cause")
	}
	if got, want := refusal.Error(), "header_timeout: EOF"; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
}

func TestZeroDecisionDenies(t *testing.T) {
	if (policy.Decision{}).Verdict.Passes() {
		t.Error("a decision that nobody made lets a session pass")
	}
	for verdict, want := range map[policy.Verdict]string{policy.Deny: "deny", policy.Allow: "allow", policy.AuditDeny: "audit-deny", 77: "deny"} {
		if got := verdict.String(); got != want {
			t.Errorf("verdict %d = %q, want %q", verdict, got, want)
		}
		if got := policy.Verdict(verdict).Passes(); got != (verdict == policy.Allow || verdict == policy.AuditDeny) {
			t.Errorf("verdict %s passes: %t", want, got)
		}
	}
}
