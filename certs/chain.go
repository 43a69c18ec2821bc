package certs

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// parseChain returns the certificates of a PEM file in the file's order.
func (p *pool) parseChain(path string, blocks []block) ([]*x509.Certificate, []*finding) {
	var chain []*x509.Certificate
	var findings []*finding
	for _, b := range blocks {
		switch b.Type {
		case "CERTIFICATE":
			c, err := p.parse(b.Bytes)
			if err != nil {
				findings = append(findings, found("", "the certificate at line %d cannot be read: %w", b.line, err))
				continue
			}
			chain = append(chain, c)
		case "TRUSTED CERTIFICATE":
			findings = append(findings, found("openssl x509 -in "+path+" -out "+path+".pem",
				"the block at line %d is in openssl's own TRUSTED CERTIFICATE format", b.line))
		}
	}
	if len(chain) == 0 && len(findings) == 0 {
		findings = append(findings, found("", "contains no certificate, only %s", contents(blocks)))
	}
	return chain, findings
}

// checkOrder reports the first certificate of a chain that was not signed by the one after it.
func checkOrder(chain []*x509.Certificate) *finding {
	for i, c := range chain[:len(chain)-1] {
		next := chain[i+1]
		if bytes.Equal(c.Raw, next.Raw) {
			return found("remove one of the two", "the chain holds certificate %d (%s) twice", i+1, subject(c))
		}
		err := signedBy(c, next)
		if err == nil {
			continue
		}
		for j, other := range chain {
			if j != i && j != i+1 && signedBy(c, other) == nil {
				return found("leaf first, then each certificate followed by the one that signed it",
					"the chain is out of order: certificate %d (%s) was signed by certificate %d (%s), which must come next",
					i+1, subject(c), j+1, subject(other))
			}
		}
		return found("leaf first, then each certificate followed by the one that signed it",
			"certificate %d of the chain (%s) did not sign certificate %d (%s): %w", i+2, subject(next), i+1, subject(c), err)
	}
	return nil
}

var errIssuerName = errors.New("it is not the issuer that the certificate names")

// signedBy compares names too: clients build chains by them, and so does Go.
func signedBy(c, issuer *x509.Certificate) error {
	if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return errIssuerName
	}
	return c.CheckSignatureFrom(issuer)
}

// check reports what depends on the moment and on the purpose, and whether the whole chain is valid at the moment.
func (c *Certificate) check(now time.Time, purpose Purpose) (findings []*finding, current bool) {
	findings = []*finding{c.checkLeaf(purpose)}
	current = true
	for i, cert := range c.chain {
		f := checkValidity(now, i, cert)
		current = current && (f == nil || f.warning)
		findings = append(findings, f)
	}
	return findings, current
}

func (c *Certificate) checkLeaf(purpose Purpose) *finding {
	usage, name, word := x509.ExtKeyUsageServerAuth, "serverAuth", "server"
	if purpose == ForClient {
		usage, name, word = x509.ExtKeyUsageClientAuth, "clientAuth", "client"
	}
	restricted := len(c.Leaf.ExtKeyUsage)+len(c.Leaf.UnknownExtKeyUsage) > 0
	allowed := slices.Contains(c.Leaf.ExtKeyUsage, usage) || slices.Contains(c.Leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch {
	case c.Leaf.IsCA:
		return warning("some peers refuse that; issue a certificate from it, or for a self-signed one add to openssl req: -addext basicConstraints=critical,CA:FALSE",
			"%s is a CA certificate, not one for a %s", subject(c.Leaf), word)
	case restricted && !allowed:
		return warning("most peers refuse that; issue it with extendedKeyUsage = "+name, "%s is not for a %s: its extended key usage lacks %s", subject(c.Leaf), word, name)
	case purpose == ForServer && len(c.Names()) == 0:
		return warning("issue it with subjectAltName = DNS:NAME",
			"%s has no alternative name, and today's clients ignore the common name", subject(c.Leaf))
	}
	return nil
}

func checkValidity(now time.Time, index int, cert *x509.Certificate) *finding {
	word := "the certificate"
	if index > 0 {
		word = "a certificate of the chain"
	}
	switch {
	case now.After(cert.NotAfter):
		return found("renew it", "%s, %s, expired on %s", word, subject(cert), moment(cert.NotAfter)).expiring()
	case now.Before(cert.NotBefore):
		return found("is this machine's clock right?", "%s, %s, is not valid until %s", word, subject(cert), moment(cert.NotBefore)).expiring()
	case nearing(now, cert):
		return warning("renew it", "%s, %s, expires within 30 days, on %s", word, subject(cert), moment(cert.NotAfter)).expiring()
	}
	return nil
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// selfSigned reports whether a certificate's own key made its signature, CA or not.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}
