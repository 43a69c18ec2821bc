package certs

import (
	"cmp"
	"crypto/x509"
	"slices"
	"time"
)

// Subject names a certificate for people: its common name, or else its first other name. It is safe to show.
func Subject(c *x509.Certificate) string { return subject(c) }

// Issuer names a certificate's issuer for people. It is safe to show.
func Issuer(c *x509.Certificate) string { return shown(cmp.Or(c.Issuer.CommonName, c.Issuer.String())) }

// Names returns a certificate's DNS names, IP addresses and URIs. The slice is the caller's.
func Names(c *x509.Certificate) []string { return alternativeNames(c) }

// Chain returns the certificate and those that are sent with it, the leaf first. The slice must not be changed.
func (c *Certificate) Chain() []*x509.Certificate { return c.chain }

// Same reports whether two certificates are sent alike, chain included.
func (c *Certificate) Same(other *Certificate) bool {
	return c == other || slices.EqualFunc(c.chain, other.chain, (*x509.Certificate).Equal)
}

// Authorities returns the CA certificates of the trust, in the file's order. The slice must not be changed.
func (t *Trust) Authorities() []*x509.Certificate { return t.authorities }

// RevocationList describes a revocation list that counts.
type RevocationList struct {
	Issuer     string // safe to show
	Index      int    // of its file in [Files]
	ThisUpdate time.Time
	NextUpdate time.Time
	Revoked    int // certificates
}

// RevocationLists returns the lists of the trust in the order of their files and issuers.
func (t *Trust) RevocationLists() []RevocationList {
	if t.revocation == nil {
		return nil
	}
	var all []RevocationList
	for _, l := range t.revocation.lists {
		all = append(all, RevocationList{
			Issuer: l.issuer, Index: l.index, ThisUpdate: l.issued, NextUpdate: l.expires, Revoked: len(l.serials),
		})
	}
	slices.SortFunc(all, func(a, b RevocationList) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Issuer, b.Issuer), a.ThisUpdate.Compare(b.ThisUpdate))
	})
	return all
}
