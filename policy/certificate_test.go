package policy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

// issue returns a parsed certificate with the names of template.
func issue(t *testing.T, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestIdentitiesOf(t *testing.T) {
	spiffe, err := url.Parse("spiffe://Example.com/ns/voice")
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, &x509.Certificate{
		Subject:        pkix.Name{CommonName: "T-Server\n\x1b[31m", OrganizationalUnit: []string{"voice", "east"}},
		DNSNames:       []string{"TServer.example.com"},
		URIs:           []*url.URL{spiffe},
		EmailAddresses: []string{"Voice@Example.com"},
		IPAddresses:    []net.IP{net.ParseIP("10.2.0.5"), net.ParseIP("2001:db8::5")},
	})
	fingerprint, key := sha256.Sum256(leaf.Raw), sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	want := []string{
		"sha256:" + hex.EncodeToString(fingerprint[:]),
		"spki:" + hex.EncodeToString(key[:]),
		"cn:T-Server\n\x1b[31m", "ou:east", "ou:voice", "uri:spiffe://example.com/ns/voice", "dns:tserver.example.com",
		"email:Voice@example.com", "ip:10.2.0.5", "ip:2001:db8::5",
	}
	found := policy.IdentitiesOf(leaf)
	var got []string
	for _, i := range found.Names() {
		got = append(got, i.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if found.IsZero() || !policy.IdentitiesOf(nil).IsZero() {
		t.Error("only no certificate has no identities")
	}
	for _, name := range slices.Concat(want[:2], want[3:], []string{"dns:*.example.com", "uri:spiffe://example.com/*", "uri:spiffe://example.com/ns/*"}) {
		if !admits(t, name, found) {
			t.Errorf("%q does not admit the certificate", name)
		}
	}
	for _, name := range []string{"cn:T-Server", "dns:example.com", "dns:*.com", "dns:*.tserver.example.com", "uri:spiffe://example.com/ns/voice/*", "uri:spiffe://example.com/n/*", "ou:Voice", "ip:10.2.0.6"} {
		if admits(t, name, found) {
			t.Errorf("%q admits the certificate", name)
		}
	}
}

// admits reports whether a client with one identity is let in.
func admits(t *testing.T, identity string, shown policy.Identities) bool {
	t.Helper()
	src := sound()
	src.Clients[0] = policy.Client{Name: "east", Identities: identities([]string{identity})}
	return compiled(t, src).Decide(&policy.Facts{
		Application: "app", Port: "secure", Judged: policy.Final, TLS: true, Source: addrPort("192.0.2.1:1"), Identities: shown, Now: today,
	}).Verdict == policy.Allow
}

func TestUnclearURIsLieBelowNothing(t *testing.T) {
	for _, uri := range []string{
		"spiffe://td/ns/../admin", "spiffe://td/ns/./a", "spiffe://td/ns//a", "spiffe://td/ns/%2e%2e/a", "spiffe://td/ns/a%2Fb",
		"spiffe://td/ns/a?b", "spiffe://td/ns/a#b", "spiffe://td/ns/", `spiffe://td/ns/..\a`,
	} {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		if admits(t, "uri:spiffe://td/ns/*", policy.IdentitiesOf(&x509.Certificate{URIs: []*url.URL{u}})) {
			t.Errorf("%s lies below spiffe://td/ns", uri)
		}
	}
}

func TestCertificateWithTooManyNamesIsBounded(t *testing.T) {
	leaf := &x509.Certificate{URIs: []*url.URL{{Scheme: "spiffe", Host: "td", Path: strings.Repeat("/a", 500)}}}
	for i := range 1000 {
		leaf.DNSNames = append(leaf.DNSNames, fmt.Sprintf("n%d.d%d.example.com", i, i))
	}
	found := policy.IdentitiesOf(leaf)
	if n := len(found.Names()); n > 200 {
		t.Errorf("%d names", n)
	}
	if !admits(t, "dns:n5.d5.example.com", found) || admits(t, "dns:n999.d999.example.com", found) {
		t.Error("the first names count and the last ones are left out")
	}
}

func FuzzIdentities(f *testing.F) {
	f.Add("a.example.com", "spiffe://td/ns/a", "a@b.c")
	f.Add("*.example.com", "urn:a:b", "@")
	f.Add("..", "//a/b/../c?d#e", "a b@c")
	f.Fuzz(func(t *testing.T, dns, uri, mail string) {
		leaf := &x509.Certificate{DNSNames: []string{dns}, EmailAddresses: []string{mail}}
		if u, err := url.Parse(uri); err == nil {
			leaf.URIs = append(leaf.URIs, u)
		}
		found := policy.IdentitiesOf(leaf)
		for _, pattern := range []string{"dns:*.example.com", "uri:spiffe://td/ns/*", "email:a@b.c"} {
			want := slices.ContainsFunc(found.Names(), func(name policy.Identity) bool {
				return covers(identities([]string{pattern})[0], name)
			})
			if got := admits(t, pattern, found); got != want {
				t.Errorf("%q admits %v: %t", pattern, found.Names(), got)
			}
		}
	})
}
