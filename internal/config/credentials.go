package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Credentials is one level's group: certificate, key, password, trusted CA and
// CRL, which are inherited together. Paths are resolved.
type Credentials struct {
	// Level says where the group was written: LevelHost or the name of an
	// application, port, server name or upstream. Empty means that no level has
	// a certificate and a self-made one serves.
	Level string

	Certificates []Located[string] // usually one; a second puts ECDSA beside RSA
	Keys         []Located[string] // none, or one for each certificate
	PasswordFile Located[string]   // empty: none
	TrustedCA    Located[string]   // empty: none
	CRLs         []Located[string]
}

// Levels of inheritance that have no name of their own.
const (
	LevelDefault = "default"
	LevelHost    = "host"
)

func applicationLevel(name string) string { return fmt.Sprintf("application %q", name) }
func portLevel(name string) string        { return fmt.Sprintf("port %q", name) }

const groupHint = "certificate, certificate_key, certificate_password_file, trusted_ca and crl are inherited as a group, " +
	"so the level that sets one of them needs its own certificate"

// group validates the group of a level that serves a certificate. It reports
// false when the level has none, so that the outer level's counts.
func (c *checker) group(raw rawGroup, level string) (Credentials, bool) {
	if !raw.Certificate.Set {
		c.orphans(raw)
		return Credentials{}, false
	}
	creds := c.certificates(raw.rawCertificate, level)
	creds.TrustedCA = c.location(raw.TrustedCA)
	creds.CRLs = c.paths(raw.CRL)
	if raw.CRL.Set && !raw.TrustedCA.Set {
		c.report(raw.CRL.Problem("has no effect without trusted_ca",
			"a revocation list is looked at when client certificates are verified against trusted_ca"))
	}
	return creds, true
}

// orphans reports the keys of a group that would be ignored because there is
// no certificate beside them.
func (c *checker) orphans(raw rawGroup) {
	c.orphanedKeys(raw.rawCertificate, groupHint)
	if raw.TrustedCA.Set {
		c.report(raw.TrustedCA.Problem("set without certificate", groupHint))
	}
	if raw.CRL.Set {
		c.report(raw.CRL.Problem("set without certificate", groupHint))
	}
}

func (c *checker) orphanedKeys(raw rawCertificate, hint string) {
	if raw.CertificateKey.Set {
		c.report(raw.CertificateKey.Problem("set without certificate", hint))
	}
	if raw.PasswordFile.Set {
		c.report(raw.PasswordFile.Problem("set without certificate", hint))
	}
}

// certificates validates certificates and the keys that belong to them.
func (c *checker) certificates(raw rawCertificate, level string) Credentials {
	creds := Credentials{
		Level:        level,
		Certificates: c.paths(raw.Certificate),
		Keys:         c.paths(raw.CertificateKey),
		PasswordFile: c.location(raw.PasswordFile),
	}
	if !raw.CertificateKey.Set {
		return creds
	}
	for _, cert := range raw.Certificate.Value {
		if isPKCS12(cert.Value) {
			c.report(raw.CertificateKey.Problem("set beside a PKCS#12 certificate",
				"a .p12 or .pfx file holds its key; remove certificate_key"))
			return creds
		}
	}
	if certs, keys := len(creds.Certificates), len(creds.Keys); certs > 0 && certs != keys {
		c.report(raw.CertificateKey.Problem(
			fmt.Sprintf("%s for %s", count(keys, "key"), count(certs, "certificate")),
			"list one key for each certificate in the same order, or none when each key is in its certificate's file"))
	}
	return creds
}

func isPKCS12(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".p12" || ext == ".pfx"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// clientGroup validates the group of an upstream. The certificate is optional
// there, and trust stands by itself: without a CA the system's roots are meant.
func (c *checker) clientGroup(raw rawGroup, level string) Credentials {
	var creds Credentials
	if raw.Certificate.Set {
		creds = c.certificates(raw.rawCertificate, level)
	} else {
		c.orphanedKeys(raw.rawCertificate, "toward an upstream they belong to the client certificate")
	}
	creds.Level = level
	creds.TrustedCA = c.location(raw.TrustedCA)
	creds.CRLs = c.paths(raw.CRL)
	return creds
}
