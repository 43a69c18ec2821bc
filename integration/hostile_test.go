//go:build integration

package integration

import (
	"crypto/tls"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"sallyport/internal/testpki"
)

const hostileConfig = `
[log]
format = "${format}"

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
`

const hostilePolicy = `
[[client]]
name = "nobody"
identities = ["cn:nobody"]

[[allow]]
id = "nobody"
from = ["nobody"]
to = ["echo/mutual"]
tls = "required"
owner = "test"
`

// hostileName ends the line, begins another that looks like a record, and plays with the terminal that shows it: by escape
// codes of two kinds, the direction of writing and separators that are lines for some.
const hostileName = "eve\n{\"msg\":\"session\",\"verdict\":\"allow\"}\r\ntime=2026-01-01 level=INFO msg=session verdict=allow" +
	"\x1b[2J\x1b]0;owned\x07\" verdict=allow reason=allowed \\\" \x7f\u009b31m\u0085\u202e\u2028\u2066"

// TestHostileCertificates shows certificates whose subjects are made for the reader of the log.
func TestHostileCertificates(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "other CA")
	server := ca.server(t)
	long := strings.Repeat("very long ", 3000)
	tests := []struct {
		name    string
		subject string
		by      *authority
		reason  string
		shown   []string // attributes that show the name
	}{
		{"verified", hostileName, ca, "identity_mismatch", []string{keySubject, keyIdentities}},
		{"unverified", hostileName, other, "client_cert_unknown_ca", []string{keyUnverified}},
		{"long and verified", long, ca, "identity_mismatch", []string{keySubject}},
		{"long and unverified", long, other, "client_cert_unknown_ca", []string{keyUnverified}},
	}
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			at := vars{"format": format, "certificate": server.certificate, "key": server.key, "ca": ca.file, "mutual": freeAddress(t)}
			s := startPoliced(t, expand(t, hostileConfig, at), hostilePolicy)
			for _, test := range tests {
				user := test.by.store(t, test.by.Issue(t, testpki.Options{CommonName: test.subject}))
				config, shown := ca.ClientConfig("localhost", nil), user.TLS()
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil } // whomever the port trusts
				conn := tls.Client(dial(t, at["mutual"], ""), config)
				wantRefused(t, conn)
			}
			s.terminate(t)
			output := strings.TrimSuffix(s.out.String(), "\n")
			if at := strings.IndexFunc(output, func(r rune) bool {
				return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028')
			}); at >= 0 {
				t.Errorf("the log plays with its reader: %q", output[max(0, at-40):min(len(output), at+40)])
			}
			var records []record
			for line := range strings.Lines(output) {
				r := readLine(t, format, line)
				if r.text("msg") == "session" {
					records = append(records, r)
				}
			}
			if len(records) != len(tests) {
				t.Fatalf("%d records, want %d:\n%s", len(records), len(tests), output)
			}
			for _, test := range tests {
				if !slices.ContainsFunc(records, func(r record) bool {
					for _, key := range test.shown {
						value := r.text(key)
						if !strings.Contains(value, test.subject[:3]) || len(value) > 300 {
							return false
						}
					}
					return r.text(keyVerdict) == verdictDeny && r.text(keyReason) == test.reason && r.text(keyUpstreamLocal) == ""
				}) {
					t.Errorf("%s: no such record:\n%s", test.name, output)
				}
			}
		})
	}
}

// readLine takes a line of the log apart as a program would.
func readLine(t *testing.T, format, line string) record {
	t.Helper()
	r := make(record)
	if format == "json" {
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("%v: %q", err, line)
		}
		return r
	}
	rest := strings.TrimSpace(line)
	for rest != "" {
		key, value, found := strings.Cut(rest, "=")
		if !found || strings.ContainsAny(key, " \"") {
			t.Errorf("no key=value: %q in %q", rest, line)
			return r
		}
		if _, twice := r[key]; twice {
			t.Errorf("%s twice: %q", key, line)
		}
		r[key], rest = cutValue(t, value)
		rest = strings.TrimPrefix(rest, " ")
	}
	return r
}

// cutValue takes a value off, with or without quotes.
func cutValue(t *testing.T, text string) (value, rest string) {
	t.Helper()
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, " ")
		return value, rest
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		t.Errorf("%v: %q", err, text)
		return text, ""
	}
	value, err = strconv.Unquote(quoted)
	if err != nil {
		t.Errorf("%v: %q", err, quoted)
	}
	return value, text[len(quoted):]
}
