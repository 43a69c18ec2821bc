package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"weak"
)

// pool has each certificate in memory once, for as long as anybody uses it: thousands of chains share the intermediate
// that all of them were issued by. The zero value is ready.
type pool struct {
	certificates map[digest]weak.Pointer[x509.Certificate]
}

// parse returns the certificate that der encodes, parsed now or before. It keeps der.
func (p *pool) parse(der []byte) (*x509.Certificate, error) {
	sum := sha256.Sum256(der)
	if c := p.certificates[sum].Value(); c != nil {
		return c, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if p.certificates == nil {
		p.certificates = make(map[digest]weak.Pointer[x509.Certificate])
	}
	p.certificates[sum] = weak.Make(c)
	return c, nil
}

// share replaces certificates that somebody else parsed, whose memory is part of something larger.
func (p *pool) share(chain []*x509.Certificate) []*x509.Certificate {
	for i, c := range chain {
		if shared, err := p.parse(bytes.Clone(c.Raw)); err == nil {
			chain[i] = shared
		}
	}
	return chain
}

// sweep forgets what nobody uses any more.
func (p *pool) sweep() {
	maps.DeleteFunc(p.certificates, func(_ digest, c weak.Pointer[x509.Certificate]) bool { return c.Value() == nil })
}
