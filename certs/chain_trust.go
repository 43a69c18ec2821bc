package certs

import (
	"crypto/x509"
	"time"
)

// check reports what depends on the moment, on the purpose and on the level's trust. It runs at
// every load, also when the parsed certificate is an old one.
func (l *Loader) check(c *Certificate, purpose Purpose, trust *Trust, now time.Time) []*finding {
	findings, current := c.check(now, purpose)
	// A client's certificate is verified by its server, so the CA here, which verifies the server, says
	// nothing about it. An expired chain leads nowhere, and that was just said.
	if purpose == ForServer && trust != nil && current {
		findings = append(findings, l.checkTrust(c, trust, now))
	}
	return findings
}

// verdictOn is what a verdict is about: that the chain of this certificate leads to a root, for a level with this trust.
type verdictOn struct {
	certificate *Certificate
	trust       digest
}

// validity is the time in which a verdict holds.
type validity struct{ from, until time.Time }

// checkTrust is [Certificate.checkTrust] with a memory: a signature that was good stays so, and verifying signatures is most
// of the cost of a reload.
func (l *Loader) checkTrust(c *Certificate, trust *Trust, now time.Time) *finding {
	on := verdictOn{c, trust.Fingerprint}
	if v, ok := l.verdicts.recall(on); ok && !now.Before(v.from) && !now.After(v.until) {
		return nil
	}
	chain, problem := c.checkTrust(now, trust)
	if problem == nil {
		l.verdicts.keep(on, commonValidity(chain))
	}
	return problem
}

// commonValidity returns when all of a chain are valid.
func commonValidity(chain []*x509.Certificate) validity {
	v := validity{chain[0].NotBefore, chain[0].NotAfter}
	for _, c := range chain[1:] {
		if c.NotBefore.After(v.from) {
			v.from = c.NotBefore
		}
		if c.NotAfter.Before(v.until) {
			v.until = c.NotAfter
		}
	}
	return v
}

// checkTrust returns the chain to a root, or reports one that leads neither to the level's CA nor to a root in the file
// itself nor to one of the system: the sign of a chain that misses an intermediate, or of the wrong files.
func (c *Certificate) checkTrust(now time.Time, trust *Trust) ([]*x509.Certificate, *finding) {
	options := x509.VerifyOptions{
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	own := x509.NewCertPool()
	for _, cert := range c.chain {
		if selfSigned(cert) {
			own.AddCert(cert)
		}
	}
	for _, cert := range c.chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	var first error
	for _, roots := range []*x509.CertPool{trust.Pool, own, nil} { // nil: the system's
		options.Roots = roots
		chains, err := c.Leaf.Verify(options)
		if err == nil {
			return chains[0], nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, found("is an intermediate missing after the leaf? if its CA is another one, append that to the certificate's file, not to trusted_ca, which says whom clients are trusted by",
		"the chain of %s does not lead to the CA in trusted_ca: %w", subject(c.Leaf), first).expiring()
}
