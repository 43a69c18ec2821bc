package config

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const levels = `
[host]
certificate = "host.crt"
certificate_key = "host.key"
trusted_ca = "ca.crt"
crl = "ca.crl"
session_tickets = false

[[application]]
name = "a"
tls_profile = "modern"
upstream.primary = "builtin:echo"

  [[application.port]]
  id = "inherits"
  listen = "127.0.0.1:1"
  mode = "secure"
  client_auth = "require"

  [[application.port]]
  id = "own"
  listen = "127.0.0.1:2"
  mode = "secure"
  certificate = ["rsa.crt", "ecdsa.crt"]
  certificate_key = ["rsa.key", "ecdsa.key"]
  tls_profile = "intermediate"
  session_tickets = true
    [[application.port.sni]]
    names = ["WWW.example.com", "*.example.com"]
    certificate = "sni.p12"
    certificate_password_file = "sni.pw"
    [[application.port.sni]]
    names = ["other.example.com"]
    upstream = { primary = "127.0.0.1:2030" }

[[application]]
name = "b"
certificate = "b.pem"
upstream.primary = "b.example.com:2021"
upstream.tls.trusted_ca = "up.crt"

  [[application.port]]
  id = "application"
  listen = "127.0.0.1:3"
  mode = "auto-detect"
`

func parse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, problems := Parse("dir/config.toml", []byte(text))
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	return cfg
}

// effective is what a test looks at of a group.
type effective struct {
	Level              string
	Certificates, Keys []string
	CA                 string
	CRLs               []string
}

func effectiveOf(c Credentials) effective {
	return effective{c.Level, slashed(c.Certificates), slashed(c.Keys), filepath.ToSlash(c.TrustedCA.Value), slashed(c.CRLs)}
}

func slashed(paths []Located[string]) []string {
	all := values(paths)
	for i, p := range all {
		all[i] = filepath.ToSlash(p)
	}
	return all
}

func values[T any](list []Located[T]) []T {
	var all []T
	for _, l := range list {
		all = append(all, l.Value)
	}
	return all
}

func TestGroupIsInheritedAsAWhole(t *testing.T) {
	cfg := parse(t, levels)
	host := effective{"host", []string{"dir/host.crt"}, []string{"dir/host.key"}, "dir/ca.crt", []string{"dir/ca.crl"}}
	own := effective{
		Level:        `port "a/own"`,
		Certificates: []string{"dir/rsa.crt", "dir/ecdsa.crt"},
		Keys:         []string{"dir/rsa.key", "dir/ecdsa.key"},
	}
	ports := cfg.Applications[0].Ports
	for _, tc := range []struct {
		name string
		got  Credentials
		want effective
	}{
		{"the host's own", cfg.Host.Credentials, host},
		{"from the host", ports[0].Credentials, host},
		{"the port's own, without the CA of the host", ports[1].Credentials, own},
		{"from the application", cfg.Applications[1].Ports[0].Credentials,
			effective{Level: `application "b"`, Certificates: []string{"dir/b.pem"}}},
		{"server name", ports[1].SNI[0].Credentials,
			effective{Level: `sni "www.example.com" of port "a/own"`, Certificates: []string{"dir/sni.p12"}}},
		{"server name without one", ports[1].SNI[1].Credentials, effective{}},
		{"upstream", cfg.Applications[1].Upstream.TLS.Credentials,
			effective{Level: `upstream of application "b"`, CA: "dir/up.crt"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, effectiveOf(tc.got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFlagsAreInheritedOneByOne(t *testing.T) {
	type flag struct {
		Value any
		Level string
	}
	cfg := parse(t, levels)
	var got [][3]flag
	for _, app := range cfg.Applications {
		for _, p := range app.Ports {
			got = append(got, [3]flag{
				{p.TLSProfile.Value, p.TLSProfile.Level},
				{p.ClientAuth.Value, p.ClientAuth.Level},
				{p.SessionTickets.Value, p.SessionTickets.Level},
			})
		}
	}
	want := [][3]flag{
		{{ProfileModern, `application "a"`}, {ClientAuthRequire, `port "a/inherits"`}, {false, "host"}},
		{{ProfileIntermediate, `port "a/own"`}, {ClientAuthNone, "default"}, {true, `port "a/own"`}},
		{{ProfileIntermediate, "default"}, {ClientAuthNone, "default"}, {false, "host"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile, authentication, tickets of each port (-want +got):\n%s", diff)
	}
}

func TestNoCertificateAnywhere(t *testing.T) {
	cfg := parse(t, application)
	if level := cfg.Applications[0].Ports[0].Credentials.Level; level != "" {
		t.Errorf("level = %q, want none", level)
	}
}

func TestServerNamesAreLowerCase(t *testing.T) {
	sni := parse(t, levels).Applications[0].Ports[1].SNI
	if diff := cmp.Diff([]string{"www.example.com", "*.example.com"}, values(sni[0].Names)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sni[0].Upstream != nil {
		t.Errorf("upstream = %v, want the application's", sni[0].Upstream)
	}
	if got := sni[1].Upstream.Primary.Value.Address; got != "127.0.0.1:2030" {
		t.Errorf("upstream = %s", got)
	}
}

func TestServerNameOfUpstreamDefaultsToItsHost(t *testing.T) {
	u := parse(t, levels).Applications[1].Upstream
	if got := u.TLS.NameOf(u.Primary.Value); got != "b.example.com" || u.TLS.ServerName.Set {
		t.Errorf("server name = %q, written %+v", got, u.TLS.ServerName)
	}
}
