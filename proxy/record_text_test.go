package proxy

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"crypto/x509"
	"crypto/x509/pkix"

	"sallyport/policy"
)

func TestIdentitiesText(t *testing.T) {
	spiffe := &url.URL{Scheme: "spiffe", Host: "example.com", Path: "/ns/a"}
	for _, c := range []struct {
		name string
		leaf *x509.Certificate
		want string
	}{
		{"none", nil, ""},
		{"ordinary", &x509.Certificate{Subject: pkix.Name{CommonName: "a"}, DNSNames: []string{"A.example.com"}, URIs: []*url.URL{spiffe}}, "cn:a uri:spiffe://example.com/ns/a dns:a.example.com"},
		{"that would pass for two", &x509.Certificate{Subject: pkix.Name{CommonName: "a dns:b.example.com"}}, `"cn:a dns:b.example.com"`},
		{"with a line break and colours", &x509.Certificate{Subject: pkix.Name{CommonName: "a\n\x1b[31mverdict=allow"}}, `"cn:a\n\x1b[31mverdict=allow"`},
		{"that imitate another", &x509.Certificate{Subject: pkix.Name{CommonName: "а"}}, `"cn:\u0430"`},
		{"too long", &x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("a", 300), OrganizationalUnit: []string{"o"}}}, ""},
	} {
		if got := identitiesText(policy.IdentitiesOf(c.leaf)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLockedText(t *testing.T) {
	until := time.Date(2026, 1, 2, 4, 4, 5, 6, time.FixedZone("", 3600))
	for want, got := range map[string]string{
		"":                     lockedText(policy.Locked{Until: until}, false),
		"forever":              lockedText(policy.Locked{Forever: true}, true),
		"2026-01-02T03:04:05Z": lockedText(policy.Locked{Until: until}, true),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
