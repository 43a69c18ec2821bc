package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func TestExplain(t *testing.T) {
	set := compiled(t, example())
	for _, c := range []struct {
		session string
		want    []string // rule, client, failed, detail
	}{
		{"10.2.0.5:40001 config-server/secure tls dns:tserver.example.com", []string{
			`tserver-to-config as t-server-east fails source port: client "t-server-east" uses source ports 20001-20004 and not 40001; is there address translation on the way?`,
			`workloads as workload fails identity: client "workload" must show "uri:spiffe://example.com/voice/*", "cn:backup job"; the certificate says "dns:tserver.example.com"`,
		}},
		{"10.2.0.5:20001 config-server/secure tls", []string{
			`tserver-to-config as t-server-east fails identity: client "t-server-east" must show "dns:tserver.example.com"; no certificate was shown`,
			`workloads as workload fails identity: client "workload" must show "uri:spiffe://example.com/voice/*", "cn:backup job"; no certificate was shown`,
		}},
		{"10.2.0.5:0 config-server/secure tls dns:tserver.example.com", []string{
			`tserver-to-config as t-server-east fails source port: client "t-server-east" uses source ports 20001-20004, and the source port is not known`,
			`workloads as workload fails identity: client "workload" must show "uri:spiffe://example.com/voice/*", "cn:backup job"; the certificate says "dns:tserver.example.com"`,
		}},
		{"10.3.0.1:1 config-server/plain plaintext", []string{
			`retired fails : the rule is off`,
			`voice as voice-lan matches`,
			`workloads as workload fails tls: the rule's tls is "required" and the client speaks plaintext`,
		}},
		{"10.4.0.9:1 stat-server/secure tls at=2027-03-01", []string{
			`migration fails period: the rule expired on 2026-12-31`,
			`operators as monitor fails address: nothing in from holds 10.4.0.9`,
			`trial fails address: nothing in from holds 10.4.0.9`,
		}},
		{"10.4.0.9:1 stat-server/secure early at=2025-03-01", []string{
			`migration fails period: the rule becomes valid on 2026-01-01`,
			`operators as monitor fails address: nothing in from holds 10.4.0.9`,
			`trial fails address: nothing in from holds 10.4.0.9`,
		}},
		{"unix stat-server/secure tls behind=10.0.0.1:1", []string{
			`migration fails address: from holds no client of a UNIX socket`,
			`operators as monitor fails address: from holds no client of a UNIX socket`,
			`trial fails address: from holds no client of a UNIX socket`,
		}},
		{"10.9.9.9:1 config-server/upgrade tls cn:\x1b[31m", []string{
			`upgrade-from-anywhere fails tls: the rule's tls is "plaintext" and the client speaks TLS`,
			`voice as voice-lan fails address: nothing in from holds 10.9.9.9`,
			`workloads as workload fails identity: client "workload" must show "uri:spiffe://example.com/voice/*", "cn:backup job"; the certificate says "cn:\x1b[31m"`,
		}},
	} {
		facts, _ := session(t, c.session)
		trace := set.Explain(&facts)
		if diff := cmp.Diff(set.Decide(&facts), trace.Decision, decisions); diff != "" {
			t.Errorf("%s: decision (-want +got):\n%s", c.session, diff)
		}
		if diff := cmp.Diff(c.want, traced(trace)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.session, diff)
		}
	}
}

func traced(trace policy.Trace) (lines []string) {
	for _, r := range trace.Rules {
		line := r.Rule.ID
		if r.Client != "" {
			line += " as " + r.Client
		}
		if r.Matches {
			line += " matches"
		} else {
			line += fmt.Sprintf(" fails %s: %s", r.Failed, r.Detail)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestExplainNamesTheClientThatNeedsTLS(t *testing.T) {
	set := compiled(t, example())
	for text, want := range map[string]string{
		"10.3.0.1:1 config-server/plain plaintext":   "voice-lan",
		"10.3.0.1:1 config-server/upgrade tls early": "voice-lan",
		"10.3.0.1:1 stat-server/secure tls":          "voice-lan",
		"10.9.9.9:1 config-server/plain plaintext":   "",
	} {
		facts, _ := session(t, text)
		if got := set.Explain(&facts).Strict; got != want {
			t.Errorf("%s: client %q, want %q", text, got, want)
		}
	}
}

func TestExplainUnknownPort(t *testing.T) {
	facts, _ := session(t, "10.2.0.5:1 nowhere/secure tls")
	trace := compiled(t, example()).Explain(&facts)
	if trace.Port != nil || trace.Rules != nil || trace.Decision.Failed != policy.Destination {
		t.Errorf("%+v", trace)
	}
}

func TestRunTests(t *testing.T) {
	src := example()
	tserver := identities([]string{"dns:tserver.example.com"})
	ok := policy.Test{From: addrPort("10.2.0.5:20001"), Identity: tserver, To: "config-server/secure", TLS: true, Expect: policy.Allow}
	src.Tests = []policy.Test{
		ok,
		with(ok, func(t *policy.Test) { t.From = addrPort("10.2.0.5:40001") }),
		with(ok, func(t *policy.Test) { t.From, t.Expect = addrPort("10.2.0.5:40001"), policy.Deny }),
		with(ok, func(t *policy.Test) { t.Expect = policy.Deny }),
		with(ok, func(t *policy.Test) { t.Identity = nil }),
		with(ok, func(t *policy.Test) { t.From = addrPort("10.2.0.5:0") }),
		{From: addrPort("10.4.0.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.Allow},
		{From: addrPort("10.4.0.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.Allow, At: day("2027-01-01")},
		{From: addrPort("10.5.0.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.AuditDeny},
		{From: addrPort("10.5.0.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.Deny},
		{From: addrPort("10.5.0.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.Allow},
		{From: addrPort("203.0.113.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.Allow},
		{To: "stat-server/secure", TLS: true, Expect: policy.Allow},
		{To: "stat-server/secure", TLS: true, Expect: policy.AuditDeny},
		{From: addrPort("10.3.0.1:1"), To: "config-server/plain", Expect: policy.Allow},
	}
	want := []string{
		`E test[1].expect: 10.2.0.5:40001 to config-server/secure: expected allow and got deny (source_port_mismatch) | nearest is rule "tserver-to-config": client "t-server-east" uses source ports 20001-20004 and not 40001; is there address translation on the way?`,
		`E test[3].expect: 10.2.0.5:20001 to config-server/secure: expected deny and got allow (allowed) | rule "tserver-to-config" lets it pass`,
		`E test[4].expect: 10.2.0.5:20001 to config-server/secure: expected allow and got deny (identity_missing) | nearest is rule "tserver-to-config": client "t-server-east" must show "dns:tserver.example.com"; no certificate was shown`,
		`E test[5].expect: 10.2.0.5 to config-server/secure: expected allow and got deny (source_port_mismatch) | nearest is rule "tserver-to-config": client "t-server-east" uses source ports 20001-20004, and the source port is not known`,
		`E test[7].expect: 10.4.0.1:1 to stat-server/secure: expected allow and got deny (expired) | nearest is rule "migration": the rule expired on 2026-12-31`,
		`E test[10].expect: 10.5.0.1:1 to stat-server/secure: expected allow and got audit-deny (audit_rule) | rule "trial" lets it pass`,
		`E test[11].expect: 203.0.113.1:1 to stat-server/secure: expected allow and got deny (blocked) | block "scanner" comes before every rule`,
		`E test[13].expect: a UNIX socket to stat-server/secure: expected audit-deny and got allow (allowed) | rule "operators" lets it pass`,
		`E test[14].expect: 10.3.0.1:1 to config-server/plain: expected allow and got deny (require_tls) | a client with require_tls connects from there`,
	}
	if diff := cmp.Diff(want, report(compiled(t, src).RunTests())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	src.Tests = []policy.Test{with(src.Tests[6], func(t *policy.Test) {}), with(src.Tests[6], func(t *policy.Test) { t.Expect = policy.Deny })}
	later, _ := policy.Compile(src, day("2027-01-01"))
	want = []string{
		`W test[0].expect: 10.4.0.1:1 to stat-server/secure: expected allow and got deny (expired) | nearest is rule "migration": the rule expired on 2026-12-31; with "at" the test holds for a day on which the rule is valid`,
	}
	if diff := cmp.Diff(want, report(later.RunTests())); diff != "" {
		t.Errorf("when a rule has expired since (-want +got):\n%s", diff)
	}
	src = example()
	src.Tests = []policy.Test{ok, ok, with(ok, func(t *policy.Test) { t.From, t.Expect = addrPort("10.2.0.5:40001"), policy.Deny })}
	src.Tests, src.Audit.All = src.Tests[2:3], true
	if got := compiled(t, src).RunTests(); got != nil {
		t.Errorf("audit mode is no reason for a test to fail: %v", report(got))
	}
}

// A session ends where it would really end, and a test has the same end.
func TestWalk(t *testing.T) {
	src := example()
	src.Ports[0].DemandsCertificate = true
	src.Ports[1].DemandsCertificate = true
	src.Rules = append(src.Rules, policy.Rule{ID: "bare", From: []string{"10.6.0.1"}, To: []string{"config-server/*"}, TLS: policy.TLSAny, Owner: "us"})
	set := compiled(t, src)
	for _, c := range []struct{ session, want string }{
		{"10.6.0.1:1 config-server/secure tls", "deny client_cert_missing at 1"},
		{"10.6.0.1:1 config-server/secure tls cn:anything", "allow allowed at 2"},
		{"10.6.0.1:1 config-server/secure", "deny not_tls at 1"},
		{"10.6.0.1:1 config-server/upgrade tls", "deny client_cert_missing at 1"},
		{"10.6.0.1:1 config-server/upgrade", "allow allowed at 2"},
		{"10.7.0.1:1 config-server/secure tls", "deny client_cert_missing at 1"},
		{"203.0.113.1:1 config-server/secure tls", "deny blocked at 0"},
		{"10.2.0.5:9 config-server/secure tls cn:x", "deny identity_mismatch at 2"},
		{"10.5.0.1:1 stat-server/secure tls", "audit-deny audit_rule at 2"},
		{"10.9.0.1:1 stat-server/secure tls", "deny no_rule at 0"},
	} {
		facts, names := session(t, c.session)
		facts.Identities = policy.NewIdentities(names...)
		d, stage := set.Walk(facts)
		if got := fmt.Sprintf("%v %s at %d", d.Verdict, d.Reason, stage); got != c.want {
			t.Errorf("%s: %s, want %s", c.session, got, c.want)
		}
		src := *src
		src.Tests = []policy.Test{{From: facts.Source, Identity: names, To: facts.Application + "/" + facts.Port, TLS: facts.TLS, Expect: d.Verdict}}
		if set, faults := policy.Compile(&src, facts.Now); set != nil && len(set.RunTests()) > 0 {
			t.Errorf("%s: %v", c.session, report(set.RunTests()))
		} else if set == nil && d.Reason != policy.NotTLS {
			t.Errorf("%s: %v", c.session, report(faults))
		}
	}
	src.Tests = []policy.Test{{From: addrPort("10.6.0.1:1"), To: "config-server/secure", TLS: true, Expect: policy.Allow}}
	want := []string{`E test[0].expect: 10.6.0.1:1 to config-server/secure: expected allow and got deny (client_cert_missing) | the port demands a client certificate; identity says what is in the client's`}
	if diff := cmp.Diff(want, report(compiled(t, src).RunTests())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var none *policy.Set
	if d, stage := none.Walk(policy.Facts{}); d.Reason != policy.NoPolicy || stage != policy.AtAddresses {
		t.Errorf("without a policy: %v at %d", d, stage)
	}
}

func TestTestsRunAtTheTimeOfTheirPolicy(t *testing.T) {
	src := example()
	src.Tests = []policy.Test{{From: addrPort("10.4.0.1:1"), To: "stat-server/secure", TLS: true, Expect: policy.Allow}}
	for _, c := range []struct {
		now   time.Time
		fails bool
	}{{day("2026-12-31"), false}, {day("2027-01-01"), true}} {
		set, _ := policy.Compile(src, c.now)
		if got := len(set.RunTests()) > 0; got != c.fails {
			t.Errorf("at %s the test fails: %t", c.now, got)
		}
	}
}
