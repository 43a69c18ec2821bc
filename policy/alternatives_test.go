package policy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// compareAlternatives holds them against the reference, asked about one rule after the other.
func compareAlternatives(t *testing.T, src *policy.Source, set *policy.Set, facts policy.Facts, names []policy.Identity) {
	t.Helper()
	facts.Judged = policy.Final
	ranked := slices.SortedFunc(slices.Values(src.Rules), func(a, b policy.Rule) int { return preference(&a, &b) })
	alone := *src
	want := []policy.Decision{}
	for _, rule := range ranked {
		alone.Rules = []policy.Rule{rule}
		if d := verdict(&alone, &facts, names); d.Verdict.Passes() {
			want = append(want, d)
		}
	}
	if diff := cmp.Diff(want, append([]policy.Decision{}, set.Alternatives(&facts)...), decisions); diff != "" {
		t.Fatalf("alternatives of %+v in %+v (-want +got):\n%s", facts, src, diff)
	}
}

// TestLimitTakesNothingAway: a rule at its limit does not keep out whom another rule lets in, however
// generous the first one is otherwise.
func TestLimitTakesNothingAway(t *testing.T) {
	src := gateSource()
	src.Rules[0].ID, src.Rules[0].Rate, src.Rules[0].Burst = "lan", mustRate("1/h"), 1
	src.Rules = append(src.Rules, policy.Rule{
		ID: "ops", From: []string{"192.0.2.50"}, To: []string{"app/p"}, Limits: policy.Limits{MaxConnections: 2}, Owner: "o",
	})
	gate := newGate(t, src)
	var visits []*policy.Visit
	for _, want := range []struct {
		verdict policy.Verdict
		reason  policy.Reason
		rule    string
	}{
		{policy.Allow, policy.Allowed, "lan"},
		{policy.Allow, policy.Allowed, "ops"},
		{policy.Allow, policy.Allowed, "ops"},
		{policy.Deny, policy.RuleRate, "lan"},
	} {
		v := new(policy.Visit)
		wantDecision(t, pass(gate, v, factsFrom("192.0.2.50:1")), want.verdict, want.reason, want.rule)
		visits = append(visits, v)
	}
	visits[1].Leave()
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.50:1")), policy.Allow, policy.Allowed, "ops")
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.51:1")), policy.Allow, policy.Allowed, "lan")
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.51:1")), policy.Deny, policy.RuleRate, "lan")
}

// TestAuditRuleBesideALimit: what only a rule in audit mode still allows passes, and says so.
func TestAuditRuleBesideALimit(t *testing.T) {
	src := gateSource()
	src.Rules[0].MaxConnections = 1
	src.Rules = append(src.Rules, policy.Rule{ID: "watched", From: []string{"192.0.2.1"}, To: []string{"app/p"}, Mode: policy.AuditRule, Owner: "o"})
	gate := newGate(t, src)
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.1:1")), policy.Allow, policy.Allowed, "rule")
	wantDecision(t, pass(gate, new(policy.Visit), factsFrom("192.0.2.1:2")), policy.AuditDeny, policy.OnlyAudit, "watched")
}
