// Package testpki is a certificate authority in memory, for tests only.
//
// Everything it issues is valid from 1999 to 2099 unless told otherwise, so that it serves both a
// real clock and a synctest bubble, whose clock begins in the year 2000.
package testpki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"
)

// CA is a certificate authority: a root or an intermediate.
type CA struct {
	Certificate *x509.Certificate
	Key         crypto.Signer

	parent *CA // nil for a root
}

// Leaf is an issued certificate with its key.
type Leaf struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	Chain       []*x509.Certificate // the leaf, then its intermediates; without the root
}

// Options say what is unusual about a certificate. The zero value is an ECDSA P-256 certificate for
// both servers and clients.
type Options struct {
	CommonName string
	Names      []string // DNS names
	IPs        []string
	URIs       []string
	NotBefore  time.Time // zero: 1999
	NotAfter   time.Time // zero: 2099
	RSA        bool      // RSA 2048; all RSA certificates share one key, which is slow to make
	Key        crypto.Signer
	CA         bool               // a CA certificate where a leaf is expected
	Usages     []x509.ExtKeyUsage // nil: server and client; empty: none
}

// Valid returns the default validity.
func Valid() (notBefore, notAfter time.Time) {
	return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
}

// New returns a new root CA.
func New(t testing.TB) *CA { return NewNamed(t, "test root", Options{}) }

// NewNamed returns a new root CA with this common name; of the options, the validity and the key
// count.
func NewNamed(t testing.TB, commonName string, o Options) *CA {
	t.Helper()
	o.CommonName, o.CA = commonName, true
	key := keyFor(t, o)
	template := template(t, o)
	return &CA{Certificate: sign(t, template, template, key.Public(), key), Key: key}
}

// Intermediate returns a CA that ca signed.
func (ca *CA) Intermediate(t testing.TB, commonName string, o Options) *CA {
	t.Helper()
	o.CommonName, o.CA = commonName, true
	key := keyFor(t, o)
	return &CA{Certificate: sign(t, template(t, o), ca.Certificate, key.Public(), ca.Key), Key: key, parent: ca}
}

// Issue returns a certificate as the options say.
func (ca *CA) Issue(t testing.TB, o Options) *Leaf {
	t.Helper()
	key := keyFor(t, o)
	leaf := &Leaf{Certificate: sign(t, template(t, o), ca.Certificate, key.Public(), ca.Key), Key: key}
	leaf.Chain = []*x509.Certificate{leaf.Certificate}
	for up := ca; up.parent != nil; up = up.parent {
		leaf.Chain = append(leaf.Chain, up.Certificate)
	}
	return leaf
}

// Server returns a certificate for a server of these DNS names or IP addresses.
func (ca *CA) Server(t testing.TB, names ...string) *Leaf {
	t.Helper()
	o := Options{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if _, err := netip.ParseAddr(name); err == nil {
			o.IPs = append(o.IPs, name)
		} else {
			o.Names = append(o.Names, name)
		}
	}
	if len(names) > 0 {
		o.CommonName = names[0]
	}
	return ca.Issue(t, o)
}

// Client returns a certificate for a client of this common name.
func (ca *CA) Client(t testing.TB, commonName string) *Leaf {
	t.Helper()
	return ca.Issue(t, Options{CommonName: commonName, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func template(t testing.TB, o Options) *x509.Certificate {
	t.Helper()
	notBefore, notAfter := Valid()
	if !o.NotBefore.IsZero() {
		notBefore = o.NotBefore
	}
	if !o.NotAfter.IsZero() {
		notAfter = o.NotAfter
	}
	c := &x509.Certificate{
		Subject:               pkix.Name{CommonName: o.CommonName},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		DNSNames:              o.Names,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           o.Usages,
		BasicConstraintsValid: true,
	}
	switch {
	case o.CA:
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	case o.Usages == nil:
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	for _, text := range o.IPs {
		c.IPAddresses = append(c.IPAddresses, netip.MustParseAddr(text).AsSlice())
	}
	for _, text := range o.URIs {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = append(c.URIs, uri)
	}
	return c
}

func sign(t testing.TB, template, parent *x509.Certificate, public any, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var sharedRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func keyFor(t testing.TB, o Options) crypto.Signer {
	t.Helper()
	if o.Key != nil {
		return o.Key
	}
	if o.RSA {
		key, err := sharedRSA()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
