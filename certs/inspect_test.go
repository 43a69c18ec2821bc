package certs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
)

func TestInspect(t *testing.T) {
	root, dir := testpki.New(t), t.TempDir()
	issuing := root.Intermediate(t, "issuing", testpki.Options{})
	leaf := issuing.Issue(t, testpki.Options{CommonName: "odd\nname", Names: []string{"a.example.com"}})
	cert, key := leaf.Write(t, dir, "a")
	since, until := testpki.Valid()
	f := Files{
		Certificates: []string{cert}, Keys: []string{key},
		TrustedCA: testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), root.PEM(), issuing.PEM()),
		CRLs: []string{
			testpki.WriteFile(t, filepath.Join(dir, "b.crl"), issuing.CRL(t, time.Time{}, time.Time{}, leaf)),
			testpki.WriteFile(t, filepath.Join(dir, "a.crl"), root.CRL(t, time.Time{}, time.Time{})),
		},
	}
	c := mustLoad(t, f)
	got := c.Certificates[0]
	if Subject(got.Leaf) != `"odd\nname"` || Issuer(got.Leaf) != "issuing" || !cmp.Equal(Names(got.Leaf), []string{"a.example.com"}) {
		t.Errorf("subject %s, issuer %s, names %v", Subject(got.Leaf), Issuer(got.Leaf), Names(got.Leaf))
	}
	if chain := got.Chain(); len(chain) != 2 || !chain[1].Equal(issuing.Certificate) {
		t.Errorf("a chain of %d", len(chain))
	}
	if n := len(c.Trust.Authorities()); n != 2 {
		t.Errorf("%d authorities", n)
	}
	want := []RevocationList{
		{Issuer: "issuing", Index: 0, ThisUpdate: since, NextUpdate: until, Revoked: 1},
		{Issuer: "test root", Index: 1, ThisUpdate: since, NextUpdate: until},
	}
	if diff := cmp.Diff(want, c.Trust.RevocationLists()); diff != "" {
		t.Errorf("revocation lists (-want +got):\n%s", diff)
	}
	if lists := new(Trust).RevocationLists(); lists != nil {
		t.Errorf("lists of none: %v", lists)
	}
}

// The same leaf with another chain is sent otherwise.
func TestSame(t *testing.T) {
	root, dir := testpki.New(t), t.TempDir()
	issuing := root.Intermediate(t, "issuing", testpki.Options{})
	leaf := issuing.Server(t, "a.example.com")
	load := func(name string, pieces ...[]byte) *Certificate {
		file := testpki.WriteFile(t, filepath.Join(dir, name), append(pieces, leaf.KeyPEM(t))...)
		return mustLoad(t, Files{Certificates: []string{file}}).Certificates[0]
	}
	a, again, longer := load("a.pem", leaf.CertPEM()), load("b.pem", leaf.CertPEM()), load("c.pem", leaf.CertPEM(), root.PEM())
	if !a.Same(again) || a.Same(longer) || longer.Same(a) {
		t.Errorf("same: %t, with the root added: %t", a.Same(again), a.Same(longer))
	}
}
