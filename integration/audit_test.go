//go:build integration

package integration

import (
	"net"
	"slices"
	"strings"
	"testing"
)

const auditConfig = `
[log]
format = "text"

[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "one"
  listen = "${one}"
  mode   = "plaintext"
  [[application.port]]
  id     = "two"
  listen = "${two}"
  mode   = "auto-detect"
  client_auth = "request"
`

// 127.0.0.81 is allowed on both ports, and 127.0.0.82 where it proves an identity; 127.0.0.84 is blocked.
const auditPolicy = `
[[client]]
name = "prover"
addresses = ["127.0.0.82"]
identities = ["cn:alice"]

[[allow]]
id = "open"
from = ["127.0.0.81"]
to = ["echo/one", "echo/two"]
tls = "any"
owner = "test"

[[allow]]
id = "proven"
from = ["prover"]
to = ["echo/two"]
tls = "required"
owner = "test"

[[block]]
id = "scanner"
addresses = ["127.0.0.84"]
`

// TestAudit lets pass what would be denied, everywhere, at a port or by a rule, and writes one line for each that a plain
// grep finds.
func TestAudit(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	const rule = `
[[allow]]
id = "on-probation"
from = ["127.0.0.83"]
to = ["echo/one"]
tls = "plaintext"
mode = "audit"
owner = "test"
`
	type attempt struct{ port, source, verdict, with string } // with: what else is in the line
	tests := []struct {
		name, more string // of the policy
		attempts   []attempt
	}{
		{"nothing", "", []attempt{
			{"one", "127.0.0.81", "allow", "rule=open reason=allowed"},
			{"one", "127.0.0.83", "deny", "reason=no_rule"},
			{"one", "127.0.0.84", "deny", "rule=scanner reason=blocked"},
		}},
		{"everything", "[audit]\nall = true\n", []attempt{
			{"one", "127.0.0.81", "allow", "rule=open reason=allowed"},
			{"one", "127.0.0.83", "audit-deny", "reason=no_rule"},
			{"two", "127.0.0.83", "audit-deny", "reason=no_rule"},
			{"two", "127.0.0.82", "audit-deny", "reason=no_rule"},
			{"one", "127.0.0.84", "audit-deny", "rule=scanner reason=blocked"},
		}},
		{"a port", "[audit]\nports = [\"echo/two\"]\n", []attempt{
			{"two", "127.0.0.81", "allow", "rule=open reason=allowed"},
			{"two", "127.0.0.83", "audit-deny", "reason=no_rule"},
			{"two", "127.0.0.84", "audit-deny", "rule=scanner reason=blocked"},
			{"one", "127.0.0.83", "deny", "reason=no_rule"},
		}},
		{"a rule", rule, []attempt{
			{"one", "127.0.0.81", "allow", "rule=open reason=allowed"},
			{"one", "127.0.0.83", "audit-deny", "rule=on-probation reason=audit_rule"},
			{"two", "127.0.0.83", "deny", "reason=no_rule"},
			{"one", "127.0.0.82", "deny", "reason=no_rule"},
		}},
		{"everything, limits and lock-out too", "[audit]\nall = true\n[defaults]\nrate = \"1/h\"\nburst = 1\n[lockout]\nfailures = 1\nexempt = []\n", []attempt{
			{"one", "127.0.0.81", "allow", "rule=open reason=allowed"},
			{"one", "127.0.0.81", "audit-deny", "reason=source_rate"},
			{"two", "127.0.0.81", "audit-deny", "reason=source_rate"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at := vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "one": freeAddress(t), "two": freeAddress(t)}
			s := startPoliced(t, expand(t, auditConfig, at), auditPolicy+test.more)
			for _, a := range test.attempts {
				conn, err := tryDial(t, at[a.port], a.source)
				switch {
				case err != nil && a.verdict != "deny":
					t.Fatal(err)
				case a.verdict == "deny":
					if err == nil {
						wantRefused(t, conn)
					}
				default:
					wantServed(t, conn)
				}
			}
			s.terminate(t)
			var want, got []string
			for _, a := range test.attempts {
				want = append(want, a.verdict)
			}
			lines := linesWith(s, " msg=session ")
			for _, line := range lines {
				_, rest, _ := strings.Cut(line, " verdict=")
				verdict, _, _ := strings.Cut(rest, " ")
				got = append(got, verdict)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("verdicts %v, want %v:\n%s", got, want, strings.Join(lines, "\n"))
			}
			for _, a := range test.attempts {
				if !slices.ContainsFunc(lines, func(line string) bool {
					return strings.Contains(line, " port="+a.port+" ") && strings.Contains(line, " source="+a.source+":") &&
						strings.Contains(line, " verdict="+a.verdict+" ") && strings.Contains(line, a.with)
				}) {
					t.Errorf("no line for %v:\n%s", a, strings.Join(lines, "\n"))
				}
			}
		})
	}
}

// linesWith returns the lines of the log that contain text.
func linesWith(s *sallyport, text string) []string {
	lines, _ := s.out.since(0)
	var found []string
	for _, line := range lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// TestAuditInTLS audits what is only known after the handshake.
func TestAuditInTLS(t *testing.T) {
	ca := newAuthority(t, "CA")
	server, right, wrong := ca.server(t), ca.client(t, "alice"), ca.client(t, "mallory")
	at := vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "one": freeAddress(t), "two": freeAddress(t)}
	s := startPoliced(t, strings.Replace(expand(t, auditConfig, at), `"text"`, `"json"`, 1), auditPolicy+"[audit]\nports = [\"echo/two\"]\n")
	for _, test := range []struct {
		name string
		user *pair
		want fields
	}{
		{"the right identity", &right, fields{keyVerdict: verdictAllow, keyRule: "proven", keyReason: "allowed"}},
		{"another identity", &wrong, fields{keyVerdict: verdictAudit, keyReason: "identity_mismatch", keyNearest: "proven", keyIdentities: "cn:mallory"}},
		{"no certificate", nil, fields{keyVerdict: verdictAudit, keyReason: "identity_missing", keyNearest: "proven"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var conn net.Conn = dial(t, at["two"], "127.0.0.82")
			test.want[keySource] = conn.LocalAddr()
			conn = ca.overTLS(conn, test.user)
			wantServed(t, conn)
			s.wantRecord(t, test.want)
		})
	}
}
