package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/admin"
	"sallyport/internal/testpki"
)

// site is a directory with a configuration and its files, to be changed by a test.
type site struct {
	t       testing.TB
	dir     string
	ca      *testpki.CA
	sources *sources
}

const siteConfig = `
[host]
certificate = "host.crt"
certificate_key = "host.key"
trusted_ca = "ca.crt"
crl = "ca.crl"
[policy]
files = ["policy.toml"]
[[application]]
name = "a"
upstream.primary = "127.0.0.1:2020"
[[application.port]]
id = "p"
listen = "127.0.0.1:2021"
mode = "secure"
client_auth = "require"
[[application.port]]
id = "q"
listen = "127.0.0.1:2022"
mode = "auto-detect"
  [[application.port.sni]]
  names = ["x.example.com"]
  certificate = "x.crt"
  certificate_key = "x.key"
[[application]]
name = "out"
upstream.primary = "127.0.0.1:2030"
upstream.tls.trusted_ca = "ca.crt"
[[application.port]]
id = "plain"
listen = "127.0.0.1:2031"
mode = "plaintext"
`

const sitePolicy = `
[[allow]]
id = "here"
from = ["loopback"]
to = ["a/*"]
tls = "any"
owner = "test"
`

func newSite(t testing.TB) *site {
	s := &site{t: t, dir: t.TempDir(), ca: testpki.New(t), sources: newSources()}
	s.file("config.toml", siteConfig)
	s.file("policy.toml", sitePolicy)
	s.issue("host", testpki.Options{CommonName: "host", Names: []string{"h.example.com"}})
	s.issue("x", testpki.Options{CommonName: "x", Names: []string{"x.example.com"}})
	s.file("ca.crt", string(s.ca.PEM()))
	s.file("ca.crl", string(s.ca.CRL(t, time.Time{}, time.Time{})))
	return s
}

func (s *site) file(name, content string) {
	testpki.WriteFile(s.t, filepath.Join(s.dir, name), []byte(content))
}

func (s *site) issue(name string, o testpki.Options) *testpki.Leaf {
	leaf := s.ca.Issue(s.t, o)
	leaf.Write(s.t, s.dir, name)
	return leaf
}

// plan reads everything as a reload does.
func (s *site) plan() *plan {
	s.t.Helper()
	drawn := drawUp(filepath.Join(s.dir, "config.toml"), s.sources)
	p, problems := drawn.plan, drawn.problems
	if problems.HasErrors() {
		s.t.Fatal(problems)
	}
	p.held = takeInventory(p, nil)
	return p
}

// plain takes out what differs from run to run: directory and serial numbers.
func (s *site) plain(changes []string, serials map[string]string) []string {
	pairs := []string{s.dir + "/", ""}
	for name, number := range serials {
		pairs = append(pairs, number, name)
	}
	var out []string
	for _, change := range changes {
		out = append(out, strings.NewReplacer(pairs...).Replace(change))
	}
	return out
}

func TestChanges(t *testing.T) {
	next := time.Date(2098, 5, 6, 7, 8, 0, 0, time.UTC)
	tests := []struct {
		name   string
		change func(s *site)
		want   []string
	}{
		{"nothing", func(s *site) {}, nil},
		{"the same again", func(s *site) { s.file("config.toml", "# a comment\n"+siteConfig) }, nil},
		{"a certificate renewed", func(s *site) {
			s.issue("host", testpki.Options{CommonName: "host", Names: []string{"h.example.com"}, NotAfter: next})
		}, []string{"certificate replaced in host.crt: host, serial OLD, valid until 2099-01-01 00:00 UTC -> host, serial NEW, valid until 2098-05-06 07:08 UTC; used by a/p, a/q"}},
		{"a certificate renewed in another file", func(s *site) {
			s.issue("host-2", testpki.Options{CommonName: "host", Names: []string{"h.example.com"}})
			s.file("config.toml", strings.ReplaceAll(siteConfig, `"host.`, `"host-2.`))
		}, []string{
			"certificate replaced in host.crt, now in host-2.crt: host, serial OLD, valid until 2099-01-01 00:00 UTC -> host, serial NEW, valid until 2099-01-01 00:00 UTC; used by a/p, a/q",
			"host.certificate: host.crt is now host-2.crt",
			"host.certificate_key: host.key is now host-2.key",
		}},
		{"a server name gone", func(s *site) {
			before, _, _ := strings.Cut(siteConfig, "  [[application.port.sni]]")
			_, after, _ := strings.Cut(siteConfig, "x.key\"\n")
			s.file("config.toml", before+after)
		}, []string{
			"certificate removed: x, serial X, valid until 2099-01-01 00:00 UTC, in x.crt",
			"port a/q: sni x.example.com removed",
		}},
		{"an intermediate added", func(s *site) {
			below := s.ca.Intermediate(s.t, "issuing", testpki.Options{})
			below.Issue(s.t, testpki.Options{CommonName: "x", Names: []string{"x.example.com"}}).Write(s.t, s.dir, "x")
		}, []string{"certificate replaced in x.crt: x, serial X, valid until 2099-01-01 00:00 UTC -> x, serial NEW, valid until 2099-01-01 00:00 UTC; used by a/q"}},
		{"another CA beside", func(s *site) {
			other := testpki.NewNamed(s.t, "other", testpki.Options{NotAfter: next})
			s.file("ca.crt", string(s.ca.PEM())+string(other.PEM()))
		}, []string{"CA added in ca.crt: other, serial NEW, valid until 2098-05-06 07:08 UTC; used by a/p, a/q, upstream of out"}},
		{"somebody revoked", func(s *site) {
			s.file("ca.crl", string(s.ca.CRL(s.t, time.Time{}, next, s.ca.Client(s.t, "gone"))))
		}, []string{"revocation list of test root changed in ca.crl: 1 revoked certificate, were 0, next update 2099-01-01 00:00 UTC is now 2098-05-06 07:08 UTC"}},
		{"no list any more", func(s *site) { s.file("config.toml", strings.Replace(siteConfig, "crl = \"ca.crl\"\n", "", 1)) }, []string{
			"revocation list of test root removed in ca.crl",
			"host.crl: ca.crl removed",
		}},
		{"a port and a setting", func(s *site) {
			s.file("config.toml", strings.Replace(siteConfig, `"auto-detect"`, `"secure"`, 1)+"[limits]\nidle_timeout = \"2h\"\n")
		}, []string{"port a/q: mode: auto-detect is now secure", "limits.idle_timeout: 1h is now 2h"}},
		{"the policy", func(s *site) { s.file("policy.toml", strings.Replace(sitePolicy, "any", "required", 1)) }, []string{
			`allow "here" narrowed: tls: any is now required`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			before := s.plan()
			serials := map[string]string{"serial OLD": "serial " + serialIn(before, "host"), "serial X": "serial " + serialIn(before, "x")}
			tt.change(s)
			after := s.plan()
			for _, c := range after.held.certificates {
				if !hasSerial(before, c.Serial) && c.Role != admin.RoleIntermediate {
					serials["serial NEW"] = "serial " + c.Serial
				}
			}
			changes := after.changes(before)
			if diff := cmp.Diff(tt.want, s.plain(changes.All(), serials)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func serialIn(p *plan, subject string) string {
	for _, c := range p.held.certificates {
		if c.Subject == subject {
			return c.Serial
		}
	}
	return ""
}

func hasSerial(p *plan, serial string) bool {
	for _, c := range p.held.certificates {
		if c.Serial == serial {
			return true
		}
	}
	return false
}

// What is in use is listed once, with all who use it.
func TestInventory(t *testing.T) {
	s := newSite(t)
	issuing := s.ca.Intermediate(t, "issuing", testpki.Options{})
	for _, name := range []string{"host", "x"} {
		issuing.Issue(t, testpki.Options{CommonName: name, Names: []string{name + ".example.com"}}).Write(t, s.dir, name)
	}
	var got []string
	for _, c := range s.plan().held.certificates {
		got = append(got, fmt.Sprintf("%s %s from %s in %s for %s", c.Role, c.Subject, c.Issuer, c.Files, c.UsedBy))
	}
	want := []string{
		"leaf host from issuing in [host.crt] for [a/p a/q]",
		"intermediate issuing from test root in [host.crt x.crt] for [a/p a/q]",
		"authority test root from test root in [ca.crt] for [a/p a/q upstream of out]",
		"leaf x from issuing in [x.crt] for [a/q]",
	}
	if diff := cmp.Diff(want, s.plain(got, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if lists := s.plan().held.lists; len(lists) != 1 || lists[0].Issuer != "test root" {
		t.Errorf("revocation lists: %+v", lists)
	}
}

func TestBoundedChanges(t *testing.T) {
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprint(i))
	}
	got := bounded(many)
	if len(got) != mostChanges+1 || got[mostChanges] != "and 200 more" {
		t.Errorf("%d changes, the last %q", len(got), got[len(got)-1])
	}
	if got := bounded(many[:mostChanges]); len(got) != mostChanges {
		t.Errorf("%d changes of %d", len(got), mostChanges)
	}
}

func TestChangesAreLogged(t *testing.T) {
	var log logText
	logChanges(slog.New(slog.NewTextHandler(&log, nil)), &admin.Changes{
		Policy: []string{"a"}, Certificates: []string{"b"}, Trust: []string{"c"}, Ports: []string{"d"}, Settings: []string{"e"},
	})
	for _, want := range []string{
		`msg="policy changed" change=a`, `msg="certificate changed" change=b`, `msg="trust changed" change=c`,
		`msg="port changed" change=d`, `msg="setting changed" change=e`,
	} {
		if log.count(want) != 1 {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
}
