package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// The page lists the codes that a policy gives, and which codes count towards a lock-out.
func TestPolicyReasons(t *testing.T) {
	const path = "../../docs/policy-reference.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ofPolicy := policyReasons(t)
	var table strings.Builder
	var others []string
	fmt.Fprint(&table, "| code | meaning | counts |\n|---|---|---|\n")
	for _, e := range policy.Reasons() {
		counting := counts(e.Reason)
		if !slices.Contains(ofPolicy, e.Reason) {
			if counting {
				others = append(others, "`"+string(e.Reason)+"`")
			}
			continue
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", e.Reason, e.Text, map[bool]string{true: "yes"}[counting])
	}
	fmt.Fprintf(&table, "\nOf the other codes these count, too: %s.\n", strings.Join(others, ", "))
	page := section(t, string(old), "reasons", table.String())
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page, string(old)); diff != "" {
		t.Errorf("%s differs from the code; run go test ./cmd/sallyport -run TestPolicyReasons -update (-want +got):\n%s", path, diff)
	}
}

// counts finds out whether a refusal with a code counts towards a lock-out, by refusing somebody.
func counts(reason policy.Reason) bool {
	now := time.Now()
	locks := policy.NewLockouts(now, 0, policy.LockoutRules{Failures: 1, Window: time.Minute, Duration: time.Minute})
	gate := &policy.Gate{Lockouts: locks}
	if reason != policy.NoPolicy {
		gate.Policy = new(policy.Set)
	}
	stranger := policy.Facts{Source: netip.MustParseAddrPort("192.0.2.7:20001"), Now: now}
	_, locked := new(policy.Visit).Fail(gate, &stranger, reason)
	return locked
}

// policyReasons reads from the source which codes a policy and its limits give: they are declared together.
func policyReasons(t *testing.T) []policy.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../policy/reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var list []policy.Reason
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !slices.Contains([]string{
			"Why a session was let through.\n",
			"Why the policy denies a session.\n",
			"Which limit of the policy refused a session, or that its source is locked out.\n",
		}, group.Doc.Text()) {
			continue
		}
		for _, spec := range group.Specs {
			value, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			if reason := policy.Reason(value); reason != policy.NoPolicy { // which no policy gives
				list = append(list, reason)
			}
		}
	}
	if len(list) < 15 {
		t.Fatalf("only the codes %q were found", list)
	}
	return list
}
