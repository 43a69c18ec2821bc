//go:build integration

package integration

import (
	"strings"
	"testing"
)

// TestLogFilter checks what an administrator shows of a session and what not.
func TestLogFilter(t *testing.T) {
	ca := newAuthority(t, "CA")
	server, user := ca.server(t), ca.client(t, "a name to hide")
	secure := freeAddress(t)
	s := startSallyport(t, expand(t, `
[log]
format = "json"
default_filter = "copy"
filter = { peer_subject = "hide", sni = "skip", upstream = "copy" }

[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
  client_auth = "require"
`, vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "secure": secure}))
	conn := ca.dialTLS(t, secure, &user)
	exchange(t, conn, "hello\n")
	conn.Close()
	s.wantRecord(t, fields{keyPort: "secure", keyVerdict: verdictAllow, keySubject: "****", keySNI: "", keyUpstream: "builtin:echo"})
	if strings.Contains(s.out.String(), "a name to hide") {
		t.Error("the name is in the log")
	}
}
