//go:build integration

package integration

import (
	"path/filepath"
	"strings"
	"testing"
)

const resumptionConfig = `
[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "mutual"
  listen = "${mutual}"
  mode   = "secure"
  client_auth = "require"
  [[application.port]]
  id     = "asking"
  listen = "${asking}"
  mode   = "auto-detect"
  client_auth = "request"
`

// operators is a policy for those who prove an identity.
func operators(identity string) string {
	return `
[[client]]
name = "operator"
identities = ["` + identity + `"]
` + operatorsRule("operator")
}

func operatorsRule(who string) string {
	return `
[[allow]]
id = "operators"
from = ["` + who + `"]
to = ["echo/*"]
tls = "any"
owner = "test"
`
}

// TestDeniedResumption changes the policy between a full handshake and its resumption, which shows no certificate: the
// client is judged by the one that the session was made with.
func TestDeniedResumption(t *testing.T) {
	ca := newAuthority(t, "CA")
	server, user := ca.server(t), ca.client(t, "good client")
	at := vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "mutual": freeAddress(t), "asking": freeAddress(t)}
	s := startPoliced(t, expand(t, resumptionConfig, at), operatorsRule("any"))
	trust := []string{"-CAfile", ca.file, "-servername", "localhost"}
	shown := plus(trust, "-cert", user.certificate, "-key", user.key)

	tests := []struct {
		name, port    string
		args          []string // of both connections
		before, after string   // policies
		reason        string
		identities    any
	}{
		{"another identity is demanded", "mutual", shown, operators("cn:good client"), operators("cn:deputy"), "identity_mismatch", `"cn:good client"`},
		{"an identity is demanded that the certificate lacks", "mutual", shown, operatorsRule("any"), operators("dns:good.example.com"), "identity_mismatch", `"cn:good client"`},
		{"another identity on a port that only asks", "asking", shown, operators("cn:good client"), operators("cn:deputy"), "identity_mismatch", `"cn:good client"`},
		{"an identity is demanded and there is no certificate", "asking", trust, operatorsRule("any"), operators("cn:good client"), "identity_missing", ""},
	}
	versions := []struct{ flag, name string }{{"-tls1_2", tls12}, {"-tls1_3", tls13}}
	for _, test := range tests {
		for _, version := range versions {
			t.Run(test.name+", "+version.name, func(t *testing.T) {
				s.enforce(t, test.before)
				ticket := filepath.Join(t.TempDir(), "session.pem")
				args := plus(test.args, version.flag)
				first := sClient(t, at[test.port], plus(args, "-sess_out", ticket)...)
				if !first.echoed || !strings.Contains(first.out, "\nNew, ") {
					t.Fatalf("first session:\n%s", first.out)
				}
				s.wantRecord(t, fields{
					keyPort: test.port, keyVerdict: verdictAllow, keyRule: "operators", keyVersion: version.name, keyResumed: "false", keyCertificate: present,
				})

				s.enforce(t, test.after)
				denied := sClient(t, at[test.port], plus(args, "-sess_in", ticket)...)
				if denied.echoed {
					t.Errorf("the server was reached:\n%s", denied.out)
				}
				s.wantRecord(t, fields{
					keyPort: test.port, keyVerdict: verdictDeny, keyReason: test.reason, keyVersion: version.name, keyResumed: "true", keyCertificate: "",
					keyNearest: "operators", keyFailed: "identity", keyIdentities: test.identities, keyUpstreamLocal: "", keyBytesOut: 0,
				})

				s.enforce(t, test.before) // the ticket itself is still good
				again := sClient(t, at[test.port], plus(args, "-sess_in", ticket)...)
				if !again.echoed || !strings.Contains(again.out, "\nReused, ") {
					t.Errorf("after the denial:\n%s", again.out)
				}
				s.wantRecord(t, fields{keyPort: test.port, keyVerdict: verdictAllow, keyRule: "operators", keyResumed: "true", keyCertificate: ""})
			})
		}
	}
}
