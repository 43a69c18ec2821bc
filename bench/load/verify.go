package load

import (
	"crypto/tls"
	"crypto/x509"
)

// trusting is config for a server whose certificate has been verified: the certificate itself is trusted from now on, beside the CAs. For the same one,
// byte for byte, crypto/tls then checks name, time and purpose but not the CA's signature anew, which costs the load as much as a fifth of a
// handshake, so that the load and not the proxy would bound the rate. Another one is verified as the first was. That the server has its key
// is proven in each full handshake as ever.
func trusting(config *tls.Config, verified *x509.Certificate) *tls.Config {
	roots := config.RootCAs
	if roots == nil {
		system, err := x509.SystemCertPool()
		if err != nil {
			return config // go on as before
		}
		roots = system
	}
	config = config.Clone()
	config.RootCAs = roots.Clone()
	config.RootCAs.AddCert(verified)
	return config
}
