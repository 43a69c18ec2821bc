//go:build integration

package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport/internal/testpki"
)

func TestIMAP(t *testing.T) {
	ca := newAuthority(t, "mail CA")
	server := ca.server(t)
	body := strings.Repeat("a line of the mail\n", 5000)
	upstream, secure := startIMAP(t, "From: a@example.com\nSubject: hello\n\n"+body), freeAddress(t)
	s := startSallyport(t, expand(t, `
[[application]]
name = "mail"
certificate     = "${certificate}"
certificate_key = "${key}"

  [application.upstream]
  primary = "${upstream}"

  [[application.port]]
  id     = "imaps"
  listen = "${secure}"
  mode   = "secure"
`, vars{"certificate": server.certificate, "key": server.key, "upstream": upstream, "secure": secure}))
	url := "imaps://localhost:" + portOf(t, secure) + "/INBOX;MAILINDEX=1"

	t.Run("fetch", func(t *testing.T) {
		out := client{}.must(t, need(t, "curl"), "-sS", "--cacert", ca.file, "-u", "alice:rabbit", url)
		if got := strings.ReplaceAll(out, "\r\n", "\n"); !strings.HasSuffix(got, "\n\n"+body) {
			t.Errorf("mail of %d bytes does not end with the body of %d", len(got), len(body))
		}
		s.wantRecord(t, fields{
			keyApplication: "mail", keyPort: "imaps", keyVerdict: verdictAllow, keyMode: modeTLS, keyVersion: tls13,
			keySNI: "localhost", keyBytesOut: atLeast(int64(len(body))),
		})
	})
	t.Run("wrong password", func(t *testing.T) {
		r := client{}.run(t, need(t, "curl"), "-sS", "--cacert", ca.file, "-u", "alice:wrong", url)
		if r.code != 67 { // login denied
			t.Errorf("exit code %d, want 67\n%s", r.code, r.all)
		}
		s.wantRecord(t, fields{keyPort: "imaps", keyVerdict: verdictAllow})
	})
}

func TestSMTP(t *testing.T) {
	ca := newAuthority(t, "mail CA")
	server := ca.server(t)
	upstream, box := startSMTP(t)
	secure, either := freeAddress(t), freeAddress(t)
	s := startSallyport(t, expand(t, `
[[application]]
name = "mail"
certificate     = "${certificate}"
certificate_key = "${key}"

  [application.upstream]
  primary = "${upstream}"

  [[application.port]]
  id     = "smtps"
  listen = "${secure}"
  mode   = "secure"

  [[application.port]]
  id     = "smtp"
  listen = "${either}"
  mode   = "auto-detect"
  detect_timeout = "300ms"
  silent_client  = "plaintext"
`, vars{"certificate": server.certificate, "key": server.key, "upstream": upstream, "secure": secure, "either": either}))

	tests := []struct {
		name string
		args []string
		want fields
	}{
		{
			name: "implicit TLS",
			args: []string{"--server", secure, "--tls-on-connect", "--tls-verify", "--tls-ca-path", ca.file},
			want: fields{keyPort: "smtps", keyMode: modeTLS},
		},
		{
			// The server speaks first: the client is silent until it has the banner.
			name: "plaintext on an auto-detect port",
			args: []string{"--server", either},
			want: fields{keyPort: "smtp", keyMode: modePlain},
		},
		{
			name: "implicit TLS on an auto-detect port",
			args: []string{"--server", either, "--tls-on-connect"},
			want: fields{keyPort: "smtp", keyMode: modeTLS},
		},
	}
	body := testpki.WriteFile(t, filepath.Join(t.TempDir(), "body"), []byte(strings.Repeat("a line\n", 20_000)))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.want[keyMode] == modeTLS {
				need(t, "Net::SSLeay")
			}
			subject := "subject of " + test.name
			out := client{}.must(t, need(t, "swaks"), plus(test.args, "--from", "a@example.com", "--to", "b@example.com",
				"--header", "Subject: "+subject, "--body", "@"+body)...)
			if !strings.Contains(out, "220 mail.example.com") {
				t.Errorf("no banner in the dialogue:\n%s", out)
			}
			waitFor(t, "the mail", func() bool {
				return slices.ContainsFunc(box.mails(t), func(mail string) bool {
					return strings.Contains(mail, "Subject: "+subject+"\n") && strings.Count(mail, "a line\n") == 20_000
				})
			})
			test.want[keyVerdict], test.want[keyBytesIn] = verdictAllow, atLeast(140_000)
			s.wantRecord(t, test.want)
		})
	}
}
