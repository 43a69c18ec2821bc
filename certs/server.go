package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// Server is what one port serves in one generation.
type Server struct {
	// Default is served without a server name and for names that none of Names matches. Its Trust
	// is the whole port's: a server name, which the client chooses, must not choose whom it is
	// trusted by (CVE-2025-23419).
	Default *Credentials

	Names      []Named
	Profile    Profile
	ClientAuth ClientAuth
	ALPN       []string // empty: no application protocol is negotiated
	Tickets    bool     // clients may resume sessions
}

// Named are the credentials for some server names.
type Named struct {
	Names       []string     // exact, or "*.suffix" for every name one label below suffix
	Credentials *Credentials // nil: the default's
}

// Watcher is implemented by connections that want to know what their client asked for, also when
// nothing came of it, and which certificate was chosen for it. It is called during the handshake,
// in the handshake's goroutine.
type Watcher interface {
	ClientHello(*tls.ClientHelloInfo)
	CertificateServed(leaf *x509.Certificate)
}

var errNoCertificate = errors.New("no certificate is configured for this server name")

// certificate is tls.Config.GetCertificate.
func (s *Selector) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	_, credentials := s.Select(hello.ServerName)
	if credentials == nil || len(credentials.Certificates) == 0 {
		return nil, errNoCertificate
	}
	chosen := suitable(hello, credentials.Certificates)
	if conn, ok := hello.Conn.(Watcher); ok {
		conn.CertificateServed(chosen.Leaf)
	}
	return &chosen.TLS, nil
}

// tellWatcher is tls.Config.GetConfigForClient, which is called first of all and changes nothing here.
func tellWatcher(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if conn, ok := hello.Conn.(Watcher); ok {
		conn.ClientHello(hello)
	}
	return nil, nil
}

// suitable returns the first certificate that the client can use and that has its server name, or
// else the first that it can use, or else the first.
func suitable(hello *tls.ClientHelloInfo, certificates []*Certificate) *Certificate {
	if len(certificates) == 1 {
		return certificates[0]
	}
	// SupportsCertificate compares names as well. A client that asks for a name that no certificate
	// has would be given one whose key it cannot use, and could not even say which name was wrong.
	anyName := *hello
	anyName.ServerName = ""
	for _, hello := range []*tls.ClientHelloInfo{hello, &anyName} {
		for _, c := range certificates {
			if hello.SupportsCertificate(&c.TLS) == nil {
				return c
			}
		}
	}
	return certificates[0]
}

var errNoTrust = errors.New("client certificates are asked for, but there is no CA to verify them against")

// config returns the configuration without resumption.
func (s Server) config(now func() time.Time) *tls.Config {
	c := s.Profile.config()
	c.Time = now
	c.NextProtos = slices.Clone(s.ALPN)
	c.GetConfigForClient = tellWatcher
	c.SessionTicketsDisabled = true
	if s.ClientAuth == AuthNone {
		return c
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	if s.ClientAuth == AuthRequest {
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	trust := s.trust()
	if trust == nil {
		// Nil ClientCAs would mean the system's roots: every holder of a public certificate gets
		// in. So nobody does.
		c.ClientCAs = x509.NewCertPool()
		c.VerifyConnection = func(tls.ConnectionState) error { return errNoTrust }
		return c
	}
	c.ClientCAs = trust.Pool
	c.VerifyConnection = func(state tls.ConnectionState) error { return trust.verifyPeer(state, clock(now)) }
	return c
}

func (s Server) trust() *Trust {
	if s.Default == nil {
		return nil
	}
	return s.Default.Trust
}
