package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
)

const explainSite = `
[policy]
files = ["rules.toml"]
[host]
certificate = "server.crt"
certificate_key = "server.key"
trusted_ca = "ca.crt"
[admin]
listen = "off"
[[application]]
name = "a"
upstream.primary = "builtin:echo"
[[application.port]]
id = "plain"
listen = "127.0.0.1:0"
mode = "plaintext"
[[application.port]]
id = "secure"
listen = "127.0.0.1:0"
mode = "secure"
client_auth = "require"
[[application.port]]
id = "tls"
listen = "127.0.0.1:0"
mode = "secure"
[[application.port]]
id = "either"
listen = "127.0.0.1:0"
mode = "auto-detect"
client_auth = "request"
[[application.port]]
id = "socket"
listen = "unix:a.sock"
mode = "plaintext"
`

const explainRules = `
[[client]]
name = "east"
addresses = ["10.2.0.5"]
ports = ["20001-20004"]
identities = ["cn:east"]
[[allow]]
id = "east"
from = ["east"]
to = ["a/secure", "a/either"]
max_connections = 3
owner = "a <b> & c"
expires = 2099-12-31
[[allow]]
id = "lan"
from = ["10.0.0.0/8"]
to = ["a/plain", "a/either"]
tls = "plaintext"
owner = "us"
[[allow]]
id = "audited"
from = ["10.0.0.0/8"]
to = ["a/either"]
mode = "audit"
owner = "us"
[lockout]
`

// inSite changes into a directory with the configuration above.
func inSite(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	ca := testpki.New(t)
	testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), ca.PEM())
	ca.Server(t, "localhost").Write(t, dir, "server")
	for name, text := range map[string]string{"config.toml": explainSite, "rules.toml": explainRules, "broken.toml": explainSite + "[limit]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func TestExplainExitCodes(t *testing.T) {
	inSite(t)
	const asEast = "--from 10.2.0.5:20001 --identity cn:east --to "
	for _, c := range []struct {
		args string
		want int
		says string // on standard error
	}{
		{asEast + "a/secure", 0, ""},
		{asEast + "a/secure --tls", 0, ""},
		{asEast + "a/either", 0, ""},
		{"--from 10.2.0.5:20001 --to a/secure", exitNo, ""},
		{"--from 10.2.0.5:20001 --to a/secure --plaintext", exitNo, ""},
		{"--from 10.2.0.5:9 --identity cn:east --to a/secure", exitNo, ""},
		{"--from 10.9.9.9:9 --to a/plain", 0, ""},
		{"--from 10.9.9.9:9 --to a/plain --plaintext", 0, ""},
		{"--from 10.9.9.9:9 --to a/either", 0, ""}, // TLS by audit mode only
		{"--from 10.9.9.9:9 --to a/either --tls --json", 0, ""},
		{"--from 11.9.9.9:9 --to a/either --json", exitNo, ""},
		{asEast + "a/secure --at 2100-01-01", exitNo, ""},
		{"--from unix --to a/socket", exitNo, ""},

		{asEast + "a/secure --config broken.toml", exitFailure, "broken.toml:35:2: limit: unknown key"},
		{asEast + "a/secure --config nowhere.toml", exitFailure, "nowhere.toml: no such file"},

		{"", exitUsage, "--from: missing: who connects\n  hint: 10.2.0.5:20001"},
		{"--from 10.2.0.5", exitUsage, "--to: missing: the port that is connected to\n  hint: APPLICATION/PORT, as rules name it\n"},
		{"--from 10.2.0.5:0 --to a/plain", exitUsage, `--from: "10.2.0.5:0": no connection comes from port 0` + "\n" + `  hint: write "10.2.0.5" for an address alone` + "\n"},
		{"--from ::ffff:10.2.0.5 --to a/plain", exitUsage, `--from: "::ffff:10.2.0.5" is an IPv4-mapped address`},
		{"--from fe80::1%eth0 --to a/plain", exitUsage, `--from: "fe80::1%eth0" has a zone`},
		{"--from east --to a/plain", exitUsage, `--from: "east" is neither an address nor an address with a source port`},
		{"--from 10.2.0.5 --to a/plian", exitUsage, `--to: there is no port "a/plian"; did you mean "a/plain"?`},
		{"--from 10.2.0.5 --to zzz", exitUsage, `--to: there is no port "zzz"; a port is named APPLICATION/PORT, as in "a/plain"`},
		{"--from 10.2.0.5 --to a/secure --identity east", exitUsage, `--identity: "east" does not say what kind of identity it is` + "\n  hint: "},
		{"--from 10.2.0.5 --to a/secure --at noon", exitUsage, `--at: "noon" is no time` + "\n  hint: write 2026-01-31T14:00:00Z"},
		{"--from 10.2.0.5 --to a/secure --at 0001-01-01", exitUsage, `--at: "0001-01-01" is before 1970`},
		{"--from 10.2.0.5 --to a/either --tls --plaintext", exitUsage, "--plaintext and --tls exclude each other"},
		{"--from 10.2.0.5 --to a/either --plaintext --identity cn:x", exitUsage, "--plaintext and --identity exclude each other"},
		{"--from 10.2.0.5 --to a/either --plaintext --server-name x", exitUsage, "--plaintext and --server-name exclude each other"},
		{"--from 10.2.0.5 --to a/plain --tls", exitUsage, "--tls: a/plain is a plaintext port (config.toml:16:8), where a TLS hello is payload like any other; leave --tls out\n"},
		{"--from 10.2.0.5 --to a/plain --identity cn:x", exitUsage, "--identity: a/plain is a plaintext port"},
		{"--from 10.2.0.5 --to a/tls --identity cn:x", exitUsage,
			`--identity: a/tls asks no client for a certificate: client_auth is "none" (default); set it to "request" or "require", or leave --identity out` + "\n"},
		{"--from unix --to a/plain", exitUsage, "--from unix: a/plain is 127.0.0.1:0 (config.toml:15:10): it listens on an IPv4 address\n"},
		{"--from 10.2.0.5 --to a/socket", exitUsage, "--from 10.2.0.5: a/socket is unix:a.sock (config.toml:33:10): it listens on a UNIX socket, whose clients have no address; use --from unix\n"},
		{"--from 2001:db8::5 --to a/plain", exitUsage, "--from 2001:db8::5: a/plain is 127.0.0.1:0 (config.toml:15:10): it listens on an IPv4 address\n"},
		{"a/plain", exitUsage, `unknown command "a/plain"`},
	} {
		t.Run(c.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			got := execute(append([]string{"explain"}, strings.Fields(c.args)...), &stdout, &stderr)
			if got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
			if !strings.Contains(stderr.String(), c.says) || c.says == "" && stderr.Len() > 0 {
				t.Errorf("standard error:\n%s\nwant: %s", stderr.String(), c.says)
			}
			if answered := stdout.Len() > 0; answered != (c.says == "") {
				t.Errorf("standard output:\n%s", stdout.String())
			}
		})
	}
}

func explainJSON(t *testing.T, args string) (e explanation) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	execute(append([]string{"explain", "--json"}, strings.Fields(args)...), &stdout, &stderr)
	decoder := json.NewDecoder(&stdout)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return e
}

func TestExplainJSON(t *testing.T) {
	inSite(t)
	got := explainJSON(t, "--from 10.2.0.5:20001 --identity cn:east --to a/secure --server-name localhost --at 2026-06-01T12:00:00+02:00")
	got.PolicyHash = strings.Repeat("x", len(got.PolicyHash))
	want := explanation{
		Verdict: "allow", Source: "10.2.0.5:20001", Application: "a", Port: "secure", SNI: "localhost", Identities: []string{"cn:east"},
		Time: time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC),
		Sessions: []explainedSession{{
			Mode: "tls", Verdict: "allow", Reason: "allowed", Meaning: "allowed: a rule of the policy allows the session",
			Moment: "final", Rule: "east", Position: "rules.toml:8:6",
			Limits: &explainedLimits{MaxConnections: 3, CountedClient: "east"},
			Rules: []explainedRule{{
				ID: "east", Position: "rules.toml:8:6", Matches: true, Client: "east", From: []string{"east"}, To: []string{"a/secure", "a/either"},
				TLS: "required", Mode: "enforce", Owner: "a <b> & c", Expires: "2099-12-31",
			}},
		}},
		Lockout: &explainedLockout{Failures: 3, Window: 1800, Duration: 1800, Position: "rules.toml:26:2"},
		Audit:   explainedAudit{Scope: "none"},
		Settings: explainedSettings{
			Listen:      &explainedSetting{"127.0.0.1:0", "port", "config.toml:19:10"},
			Mode:        &explainedSetting{"secure", "port", "config.toml:20:8"},
			Certificate: &explainedSetting{"server.crt", "host", "config.toml:5:15"},
			TrustedCA:   &explainedSetting{"ca.crt", "host", "config.toml:7:14"},
			TLSProfile:  &explainedSetting{"intermediate", "default", ""},
			ClientAuth:  &explainedSetting{"require", "port", "config.toml:21:15"},
		},
		Config: "config.toml", PolicyFiles: []string{"rules.toml"}, PolicyHash: strings.Repeat("x", 64),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(explanation{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The verdict of the whole is that of the worst session.
func TestExplainJSONOfBothWays(t *testing.T) {
	inSite(t)
	for _, c := range []struct {
		args string
		want []string // the whole, then each session with its moment and reason
	}{
		{"--from 10.9.9.9:9 --to a/either", []string{"audit-deny", "tls audit-deny final audit_rule", "plaintext allow final allowed"}},
		{"--from 11.9.9.9:9 --to a/either", []string{"deny", "tls deny early no_rule", "plaintext deny early no_rule"}},
		{"--from 10.2.0.5:20001 --to a/secure", []string{"deny", "tls deny handshake client_cert_missing"}},
		{"--from 10.2.0.5:20001 --to a/secure --identity cn:x", []string{"deny", "tls deny final identity_mismatch"}},
	} {
		e := explainJSON(t, c.args)
		got := []string{e.Verdict}
		for _, s := range e.Sessions {
			got = append(got, strings.Join([]string{s.Mode, s.Verdict, s.Moment, s.Reason}, " "))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

// What --json prints is a contract, which the help text holds.
func TestExplainHelpNamesEveryKey(t *testing.T) {
	help := explainCommand().Long
	var look func(reflect.Type)
	look = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || typ == reflect.TypeFor[explainedRule]() {
			return // a rule's keys are those of policy files
		}
		for i := range typ.NumField() {
			field := typ.Field(i)
			if key := field.Tag.Get("json"); key != "" && !strings.Contains(help, key) {
				t.Errorf("%s is not in the help text", key)
			}
			look(field.Type)
		}
	}
	look(reflect.TypeFor[explanation]())
}
