package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
)

// certificateText remembers how the certificate that was served last is written: mostly it is served again, and putting a
// subject together takes thirty allocations. Safe for concurrent use; the zero value is ready.
type certificateText struct {
	last atomic.Pointer[writtenCertificate]
}

type writtenCertificate struct {
	leaf *x509.Certificate
	text string
}

// of returns subject and serial number of a certificate.
func (c *certificateText) of(leaf *x509.Certificate) string {
	if last := c.last.Load(); last != nil && last.leaf == leaf {
		return last.text
	}
	text := harmless(leaf.Subject.String()) + " serial=" + leaf.SerialNumber.Text(16)
	c.last.Store(&writtenCertificate{leaf, text})
	return text
}

// cipherSuiteNames are all that crypto/tls knows; [tls.CipherSuiteName] makes the whole list anew for each call.
var cipherSuiteNames = namesOf(tls.CipherSuites(), tls.InsecureCipherSuites())

func namesOf(lists ...[]*tls.CipherSuite) map[uint16]string {
	names := make(map[uint16]string)
	for _, list := range lists {
		for _, suite := range list {
			names[suite.ID] = suite.Name
		}
	}
	return names
}

func cipherSuiteName(id uint16) string {
	if name, ok := cipherSuiteNames[id]; ok {
		return name
	}
	return tls.CipherSuiteName(id)
}
