package certs

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// Certificate is a key with its chain.
type Certificate struct {
	TLS  tls.Certificate
	Leaf *x509.Certificate
	File string // that the leaf came from

	chain       []*x509.Certificate // the leaf first
	fingerprint [sha256.Size]byte   // of the leaf
}

// String names the certificate for people: its subject, serial number and expiry.
func (c *Certificate) String() string {
	return fmt.Sprintf("%s, serial %x, expires %s", subject(c.Leaf), c.Leaf.SerialNumber, c.Leaf.NotAfter.UTC().Format("2006-01-02"))
}

// Covers reports whether a client that connects to this host name or IP address accepts the
// certificate's names.
func (c *Certificate) Covers(host string) bool { return c.Leaf.VerifyHostname(host) == nil }

// Names returns the certificate's DNS names, IP addresses and URIs. The slice is the caller's.
func (c *Certificate) Names() []string { return alternativeNames(c.Leaf) }

func alternativeNames(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, uri := range c.URIs {
		names = append(names, uri.String())
	}
	return names
}

// subject is a certificate's common name, or else its first other name, safe to show: it may be a
// stranger's.
func subject(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if names := alternativeNames(c); name == "" && len(names) > 0 {
		name = names[0]
	}
	return shown(cmp.Or(name, c.Subject.String()))
}

// shown makes a name safe to show.
func shown(name string) string {
	if name == "" {
		return "(no name)"
	}
	if quoted := strconv.Quote(cut(name)); len(quoted) != len(name)+2 {
		return quoted
	}
	return name
}

// kind orders certificates by preference: ECDSA is an order of magnitude cheaper for the server,
// Ed25519 is supported by few clients, RSA by all.
func (c *Certificate) kind() int {
	switch c.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return 0
	case ed25519.PublicKey:
		return 1
	default:
		return 2
	}
}

func (c *Certificate) kindName() string { return [...]string{"ECDSA", "Ed25519", "RSA"}[c.kind()] }

// newCertificate makes a Certificate of a chain whose leaf is the key's.
func newCertificate(file string, chain []*x509.Certificate, key crypto.Signer) *Certificate {
	c := &Certificate{Leaf: chain[0], File: file, chain: chain, fingerprint: sha256.Sum256(chain[0].Raw)}
	c.TLS = tls.Certificate{Leaf: chain[0], PrivateKey: key}
	for _, cert := range chain {
		c.TLS.Certificate = append(c.TLS.Certificate, cert.Raw)
	}
	return c
}

// isPKCS12 reports whether a file is PKCS#12 by its name, the one thing that is certain before it
// is decrypted.
func isPKCS12(file string) bool {
	ext := strings.ToLower(filepath.Ext(file))
	return ext == ".p12" || ext == ".pfx"
}

// parsePKCS12 returns the key and chain of a PKCS#12 file (RFC 7292).
func parsePKCS12(data []byte, pass password) (crypto.Signer, []*x509.Certificate, *finding) {
	if bytes.Contains(data[:min(len(data), 4096)], beginMark) {
		return nil, nil, found("give it the extension .pem", "is PEM, not PKCS#12 as its extension says")
	}
	if pass.unknown {
		return nil, nil, &finding{err: errPasswordUnknown}
	}
	key, leaf, others, err := decodePKCS12(data, pass.text)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && !pass.named:
		return nil, nil, found("name the file that holds its password in certificate_password_file", "is encrypted and there is no password")
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, nil, found("is the password the first line of certificate_password_file?", "cannot be decrypted: wrong password")
	case err != nil:
		return nil, nil, found("make it again with: openssl pkcs12 -export -in CHAIN.pem -inkey KEY.pem -out FILE.p12", "cannot be read: %w", err)
	}
	signer, f := usableKey(key)
	if f != nil {
		return nil, nil, f
	}
	return signer, arrange(signer, append([]*x509.Certificate{leaf}, others...)), nil
}

func decodePKCS12(data []byte, pass string) (key any, leaf *x509.Certificate, others []*x509.Certificate, err error) {
	// The library is not hardened against lengths that lie; a damaged file must not end the process.
	defer func() {
		if recover() != nil {
			err = errors.New("the file is damaged")
		}
	}()
	return pkcs12.DecodeChain(data, pass)
}

// arrange puts the certificates of a PKCS#12 file, whose order means nothing, into chain order, and
// leaves out what is no part of the chain. Without a leaf for the key the order stays.
func arrange(key crypto.Signer, certs []*x509.Certificate) []*x509.Certificate {
	leaf := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return belongs(key, c) })
	if leaf < 0 {
		return certs
	}
	chain := []*x509.Certificate{certs[leaf]}
	rest := slices.Delete(slices.Clone(certs), leaf, leaf+1)
	for {
		last := chain[len(chain)-1]
		next := slices.IndexFunc(rest, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil
		})
		if next < 0 {
			return chain
		}
		chain = append(chain, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
}
