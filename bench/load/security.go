package load

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// config offers nothing but what is expected, and takes no server whose certificate is not verified.
func (s *Security) config() (*tls.Config, error) {
	if s.ServerName == "" {
		return nil, errors.New("server name: none is given, and a certificate without one proves nothing")
	}
	config := &tls.Config{
		ServerName: s.ServerName,
		MinVersion: s.Version,
		MaxVersion: s.Version,
		// The load should cost little, and look the same to every proxy from the first byte on.
		DynamicRecordSizingDisabled: true,
	}
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	config.RootCAs = roots
	if s.Group != 0 {
		config.CurvePreferences = []tls.CurveID{tls.CurveID(s.Group)}
	}
	if s.Cipher != 0 {
		config.CipherSuites = []uint16{s.Cipher} // counts up to TLS 1.2
	}
	if s.Certificate != "" {
		own, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// roots are the CAs that a server's certificate may be of; nil for the system's.
func (s *Security) roots() (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca %s: no certificate in it", s.CA)
	}
	return roots, nil
}

// check compares what was agreed on with what is expected. The first session of a place has no ticket to resume with.
func (s *Security) check(got agreement, first bool) error {
	signer := got.signer.String()
	switch {
	case s.Version != 0 && got.version != s.Version:
		return fmt.Errorf("agreed on %s, not %s", tls.VersionName(got.version), tls.VersionName(s.Version))
	case s.Cipher != 0 && got.cipher != s.Cipher:
		return fmt.Errorf("agreed on %s, not %s", tls.CipherSuiteName(got.cipher), tls.CipherSuiteName(s.Cipher))
	case s.Group != 0 && uint16(got.group) != s.Group:
		return fmt.Errorf("agreed on %s, not %s", got.group, tls.CurveID(s.Group))
	case s.Signer != "" && signer != s.Signer:
		return fmt.Errorf("server's certificate is %s, not %s", signer, s.Signer)
	case s.Resume && !first && !got.resumed:
		return errors.New("session was not resumed")
	case !s.Resume && got.resumed:
		return errors.New("session was resumed")
	}
	return nil
}
