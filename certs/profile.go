package certs

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// Profile is one of the three sets of TLS versions and cipher suites of Mozilla's Server Side TLS
// guidelines, version 6.0.
type Profile uint8

const (
	Intermediate Profile = iota // TLS 1.2 and 1.3, forward secrecy and authenticated encryption only
	Modern                      // TLS 1.3
	Legacy                      // TLS 1.0 and up, Mozilla's "old"
)

var profileNames = [...]string{Intermediate: "intermediate", Modern: "modern", Legacy: "legacy"}

// ParseProfile returns the profile of this name.
func ParseProfile(name string) (Profile, error) {
	if i := slices.Index(profileNames[:], name); i >= 0 {
		return Profile(i), nil
	}
	return 0, fmt.Errorf(`unknown TLS profile %q: "modern", "intermediate" or "legacy"`, cut(name))
}

func (p Profile) String() string {
	if int(p) < len(profileNames) {
		return profileNames[p]
	}
	return fmt.Sprintf("Profile(%d)", uint8(p))
}

// config returns a new configuration with what the profile and every connection of a relay share.
func (p Profile) config() *tls.Config {
	c := &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},

		// crypto/tls begins with small records for a browser's first paint and, once grown, never
		// returns to them; a relay only pays for them.
		DynamicRecordSizingDisabled: true,
	}
	switch p {
	case Modern:
		c.MinVersion = tls.VersionTLS13
	case Legacy:
		c.MinVersion = tls.VersionTLS10
		c.CipherSuites = append(forwardSecret(), oldSuites()...)
	default:
		c.CipherSuites = forwardSecret()
	}
	return c
}

// forwardSecret returns the TLS 1.2 suites of the intermediate profile. TLS 1.3's are not
// configurable, and all good.
func forwardSecret() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// oldSuites returns what the old profile adds, as far as crypto/tls knows it.
func oldSuites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	}
}

// ClientAuth says whether a port asks its clients for a certificate.
type ClientAuth uint8

const (
	AuthNone    ClientAuth = iota
	AuthRequest            // a client may have none; one that it shows must verify
	AuthRequire
)

var authNames = [...]string{AuthNone: "none", AuthRequest: "request", AuthRequire: "require"}

// ParseClientAuth returns the client authentication of this name.
func ParseClientAuth(name string) (ClientAuth, error) {
	if i := slices.Index(authNames[:], name); i >= 0 {
		return ClientAuth(i), nil
	}
	return 0, fmt.Errorf(`unknown client authentication %q: "none", "request" or "require"`, cut(name))
}

func (a ClientAuth) String() string {
	if int(a) < len(authNames) {
		return authNames[a]
	}
	return fmt.Sprintf("ClientAuth(%d)", uint8(a))
}
