//go:build integration

package integration

import (
	"strings"
	"testing"
)

func TestLDAP(t *testing.T) {
	ca, other := newAuthority(t, "ldap CA"), newAuthority(t, "other CA")
	server := ca.server(t)
	upstream, secure := startLDAP(t), freeAddress(t)
	s := startSallyport(t, expand(t, `
[[application]]
name = "directory"
certificate     = "${certificate}"
certificate_key = "${key}"

  [application.upstream]
  primary = "${upstream}"

  [[application.port]]
  id     = "ldaps"
  listen = "${secure}"
  mode   = "secure"
`, vars{"certificate": server.certificate, "key": server.key, "upstream": upstream, "secure": secure}))
	url := "ldaps://" + secure // libldap takes the host's own name for localhost
	trusting := client{env: []string{"LDAPTLS_CACERT=" + ca.file, "LDAPTLS_REQCERT=demand"}}
	search := []string{"-x", "-LLL", "-H", url, "-b", "dc=example,dc=com", "(cn=alice)", "sn"}

	t.Run("search", func(t *testing.T) {
		out := trusting.must(t, need(t, "ldapsearch"), search...)
		if !strings.Contains(out, "sn: Liddell") {
			t.Errorf("found:\n%s", out)
		}
		s.wantRecord(t, fields{
			keyApplication: "directory", keyPort: "ldaps", keyVerdict: verdictAllow, keyMode: modeTLS,
			keyVersion: present, keyUpstream: containing(upstream), keyBytesIn: atLeast(20), keyBytesOut: atLeast(20),
		})
	})
	t.Run("bind", func(t *testing.T) {
		who := []string{"-x", "-H", url, "-D", "cn=alice,dc=example,dc=com", "-w"}
		out := trusting.must(t, need(t, "ldapwhoami"), plus(who, "rabbit")...)
		if !strings.Contains(out, "dn:cn=alice,dc=example,dc=com") {
			t.Errorf("bound as:\n%s", out)
		}
		s.wantRecord(t, fields{keyPort: "ldaps", keyVerdict: verdictAllow})
		if r := trusting.run(t, need(t, "ldapwhoami"), plus(who, "wrong")...); r.code != 49 {
			t.Errorf("bind with a wrong password: exit code %d, want 49 (the server's own answer)\n%s", r.code, r.all)
		}
		s.wantRecord(t, fields{keyPort: "ldaps", keyVerdict: verdictAllow})
	})
	t.Run("wrong CA at the client", func(t *testing.T) {
		wary := client{env: []string{"LDAPTLS_CACERT=" + other.file, "LDAPTLS_REQCERT=demand"}}
		if r := wary.run(t, need(t, "ldapsearch"), search...); r.code == 0 {
			t.Errorf("the client took a certificate of another CA:\n%s", r.all)
		}
		// libldap looks at the certificate when the handshake is over, and goes without a byte.
		s.wantRecord(t, fields{keyPort: "ldaps", keyBytesIn: 0, keyClosedBy: "client"})
	})
}
