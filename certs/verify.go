package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// RevocationError refuses a peer whose certificate is revoked, or about which no current revocation
// list speaks although lists are configured.
type RevocationError struct {
	Certificate *x509.Certificate
	Problem     string
	Unknown     bool // there is no list to tell
}

// Error leaves out whose certificate it is: a log may have to hide that.
func (e *RevocationError) Error() string { return "certificate not accepted: " + e.Problem }

// Revoked reports whether a list says so; otherwise no current list says anything. It lets packages
// that do not import this one tell the error from others.
func (e *RevocationError) Revoked() bool { return !e.Unknown }

var errUnverified = errors.New("the peer's certificate was not verified")

// verifyPeer is tls.Config.VerifyConnection: what crypto/tls leaves out of verification, for full
// and resumed handshakes alike. VerifyPeerCertificate would miss the resumed ones.
func (t *Trust) verifyPeer(state tls.ConnectionState, now time.Time) error {
	if len(state.PeerCertificates) == 0 {
		return nil // whether one is needed was ClientAuth's to decide
	}
	if len(state.VerifiedChains) == 0 {
		return errUnverified
	}
	// One good chain is enough: a cross-signed CA leads to several.
	var first error
	for _, chain := range state.VerifiedChains {
		err := t.verifyChain(chain, now)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (t *Trust) verifyChain(chain []*x509.Certificate, now time.Time) error {
	// A ticket may be days old, and what was valid then need not be now.
	for _, c := range chain {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return x509.CertificateInvalidError{Cert: c, Reason: x509.Expired, Detail: "valid until " + moment(c.NotAfter)}
		}
	}
	if t.revocation == nil {
		return nil
	}
	chain = t.complete(chain)
	for i, c := range chain {
		issuer := c // a trusted leaf without an issuer has but itself to be revoked by
		if i+1 < len(chain) {
			issuer = chain[i+1]
		} else if i > 0 {
			break // the root
		}
		if err := t.revocation.verify(c, issuer, i == 0, now); err != nil {
			return err
		}
	}
	return nil
}

// verify is strict for the leaf, whose issuer a current list must cover; above it, it uses what
// there is: few authorities publish a list of their intermediates.
func (r *revocation) verify(c, issuer *x509.Certificate, leaf bool, now time.Time) error {
	list := r.lists[authorityOf(issuer)]
	switch {
	case list == nil && leaf:
		return &RevocationError{c, "no revocation list of its issuer " + subject(issuer) + " is configured", true}
	case list == nil:
		return nil
	case list.revokes(c):
		return &RevocationError{Certificate: c, Problem: "revoked by " + list.issuer}
	case !list.current(now):
		return &RevocationError{c, "the revocation list of " + list.issuer + " expired on " + moment(list.expires), true}
	}
	return nil
}
