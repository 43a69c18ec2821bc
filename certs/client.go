package certs

import (
	"bytes"
	"crypto/tls"
	"slices"
	"strings"
	"time"
)

// Client is how one upstream is connected to in one generation.
type Client struct {
	// ServerName is the DNS name or IP address that the server's certificate must have. With an
	// empty one every handshake fails.
	ServerName string

	Trust        *Trust         // nil: the system's roots
	Certificates []*Certificate // shown to a server that asks for one; may be empty
	Profile      Profile
	ALPN         []string
}

// config returns the configuration without a session cache.
func (c Client) config(now func() time.Time) *tls.Config {
	config := c.Profile.config()
	config.Time = now
	config.ServerName = strings.TrimSuffix(c.ServerName, ".")
	config.NextProtos = slices.Clone(c.ALPN)
	for _, certificate := range c.Certificates {
		config.Certificates = append(config.Certificates, certificate.TLS)
	}
	if c.Trust != nil {
		trust := c.Trust
		config.RootCAs = trust.Pool
		config.VerifyConnection = func(state tls.ConnectionState) error { return trust.verifyPeer(state, clock(now)) }
	}
	return config
}

// Equal reports whether connections are made in the same way, so that one made for the one will do for the other.
func (c Client) Equal(o Client) bool {
	return c.ServerName == o.ServerName && c.Profile == o.Profile && slices.Equal(c.ALPN, o.ALPN) &&
		slices.EqualFunc(c.Certificates, o.Certificates, sameChain) &&
		(c.Trust == nil) == (o.Trust == nil) && (c.Trust == nil || c.Trust.Fingerprint == o.Trust.Fingerprint)
}

// sameChain reports whether a server is shown the same certificates, the intermediates included: the one without which it
// does not accept the leaf may have been added.
func sameChain(a, b *Certificate) bool {
	return slices.EqualFunc(a.TLS.Certificate, b.TLS.Certificate, bytes.Equal)
}
