package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"time"
)

// Trust is whom a peer's certificate must lead to, and which certificates are revoked.
type Trust struct {
	Pool *x509.CertPool

	// Fingerprint changes with any certificate or revocation list of the trust, and with nothing
	// else: sessions may be resumed while it stays.
	Fingerprint [sha256.Size]byte

	authorities []*x509.Certificate
	revocation  *revocation // nil without revocation lists
}

// newTrust returns the trust in these authorities. The fingerprint is over what the files mean, so
// that a changed comment costs no session.
func newTrust(authorities []*x509.Certificate, lists *revocation) *Trust {
	t := &Trust{Pool: x509.NewCertPool(), authorities: authorities, revocation: lists}
	digest := sha256.New()
	for _, ca := range authorities {
		t.Pool.AddCert(ca)
		sum := sha256.Sum256(ca.Raw)
		digest.Write(sum[:])
	}
	if lists != nil {
		digest.Write([]byte("revocation lists"))
		digest.Write(lists.fingerprint[:])
	}
	digest.Sum(t.Fingerprint[:0])
	return t
}

// parseAuthorities returns the CA certificates of a PEM file.
func (p *pool) parseAuthorities(path string, data []byte) ([]*x509.Certificate, []*finding) {
	blocks, f := parsePEM(path, data)
	if f != nil {
		return nil, []*finding{f}
	}
	certs, findings := p.parseChain(path, blocks)
	var authorities []*x509.Certificate
	for _, c := range certs {
		// What signed itself is trusted for itself, even if it is no CA, or of version 1 and cannot
		// say so: crypto/x509 lets only a CA vouch for others.
		if c.IsCA || selfSigned(c) {
			authorities = append(authorities, c)
		} else {
			findings = append(findings, warning("remove it; peers are verified against CA certificates",
				"%s is not a CA certificate and is left out", subject(c)))
		}
	}
	if len(authorities) == 0 && len(certs) > 0 {
		return nil, append(findings, found("name the certificate of the CA that issues the peers' certificates",
			"contains no CA certificate, only certificates of servers or clients"))
	}
	return authorities, findings
}

// check reports what depends on the moment.
func (t *Trust) check(now time.Time) []*finding {
	var findings []*finding
	current := 0
	for _, ca := range t.authorities {
		switch {
		case now.After(ca.NotAfter):
			findings = append(findings, warning("remove it", "the CA %s expired on %s", subject(ca), moment(ca.NotAfter)).expiring())
		case now.Before(ca.NotBefore):
			findings = append(findings, warning("is this machine's clock right?", "the CA %s is not valid until %s", subject(ca), moment(ca.NotBefore)).expiring())
		default:
			current++
			if nearing(now, ca) {
				findings = append(findings, warning("have its successor ready", "the CA %s expires within 30 days, on %s", subject(ca), moment(ca.NotAfter)).expiring())
			}
		}
	}
	if current == 0 {
		for _, f := range findings { // nobody could be trusted
			f.warning = false
		}
	}
	return findings
}

// complete extends a verified chain to a root: crypto/tls ends a chain at the first certificate that
// the pool holds, which may be an intermediate whose own issuer stands in the same file and has a
// list to say about it.
func (t *Trust) complete(chain []*x509.Certificate) []*x509.Certificate {
	const maxDepth = 10
	for len(chain) < maxDepth {
		last := chain[len(chain)-1]
		next := t.issuerOf(last)
		if next == nil {
			break
		}
		chain = append(chain[:len(chain):len(chain)], next)
	}
	return chain
}

func (t *Trust) issuerOf(c *x509.Certificate) *x509.Certificate {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return nil
	}
	for _, ca := range t.authorities {
		// Names decide cheaply; only a match pays for a signature.
		if bytes.Equal(c.RawIssuer, ca.RawSubject) && c.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}
