//go:build integration

package integration

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// TestTicketsOverReloads resumes a session after files have changed: it works unless whom to trust is among what did.
func TestTicketsOverReloads(t *testing.T) {
	changes := []struct {
		name    string
		resumes bool
		change  func(t *testing.T, s *site) map[string]string
	}{
		{"nothing", true, func(*testing.T, *site) map[string]string { return nil }},
		{"the server's certificate", true, func(t *testing.T, s *site) map[string]string {
			next := s.ca.Server(t, "localhost")
			return map[string]string{"server.crt": string(next.CertPEM()), "server.key": string(next.KeyPEM(t))}
		}},
		{"the policy", true, func(_ *testing.T, s *site) map[string]string {
			return map[string]string{"rules.toml": strings.Replace(s.files["rules.toml"], `owner = "test"`, `owner = "another"`, 1)}
		}},
		{"another port", true, func(t *testing.T, s *site) map[string]string {
			return map[string]string{"config.toml": s.files["config.toml"] + expand(t, anotherPort, s.at), "p-10.toml": siteMore}
		}},
		{"one more CA", false, func(t *testing.T, s *site) map[string]string {
			more := testpki.NewNamed(t, "more", testpki.Options{})
			return map[string]string{
				"ca.crt": s.files["ca.crt"] + string(more.PEM()),
				"ca.crl": s.files["ca.crl"] + string(more.CRL(t, time.Time{}, time.Time{})),
			}
		}},
		{"the CRL", false, func(t *testing.T, s *site) map[string]string {
			return map[string]string{"ca.crl": string(s.ca.CRL(t, time.Time{}, time.Time{}, s.ca.Client(t, "somebody else")))}
		}},
		{"client_auth", false, func(_ *testing.T, s *site) map[string]string {
			return map[string]string{"config.toml": strings.Replace(s.files["config.toml"], `client_auth = "require"`, `client_auth = "request"`, 1)}
		}},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			for _, test := range changes {
				t.Run(test.name, func(t *testing.T) {
					s := newSite(t, layouts[0], "0s")
					s.start(t)
					config := resuming(s.ca.ClientConfig("localhost", s.user))
					config.MinVersion, config.MaxVersion = version, version
					if s.resumed(t, config) {
						t.Fatal("the first session is resumed")
					}
					if !s.resumed(t, config) {
						t.Fatal("without a reload, the second session is not resumed")
					}
					before := s.status(t).Generation
					if changed := test.change(t, s); changed == nil {
						s.adminSocket.reload(t)
					} else {
						s.change(t, changed)
					}
					waitFor(t, "the reload", func() bool { now := s.status(t); return now.Generation > before && now.failure() == "" })
					if got := s.resumed(t, config); got != test.resumes {
						t.Fatalf("resumed after the reload: %t, want %t", got, test.resumes)
					}
					s.wantRecord(t, fields{keyVerdict: verdictAllow, keyResumed: test.resumes, keyGeneration: atLeast(int64(before + 1))})
					if !s.resumed(t, config) {
						t.Error("a session after the reload is not resumed by the next")
					}
				})
			}
		})
	}
}

// resumed has a session on the mutual port and reports whether it was resumed.
func (s *site) resumed(t *testing.T, config *tls.Config) bool {
	t.Helper()
	conn := tls.Client(dial(t, s.at["mutual"], ""), config)
	exchange(t, conn, "hello\n") // with it comes the ticket of TLS 1.3
	defer conn.Close()
	return conn.ConnectionState().DidResume
}
