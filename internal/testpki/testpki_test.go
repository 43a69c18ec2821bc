package testpki_test

import (
	"crypto/tls"
	"net"
	"testing"
	"testing/synctest"

	"sallyport/internal/testpki"
)

// The defaults make a full mutual handshake, also where the clock begins in 2000.
func TestHandshakeInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := testpki.New(t)
		client := ca.Intermediate(t, "issuing", testpki.Options{}).Client(t, "client")
		config := ca.ServerConfig(t, "a.example.com", "::1")
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
		for _, name := range []string{"a.example.com", "::1"} {
			a, b := net.Pipe()
			c, s := tls.Client(a, ca.ClientConfig(name, client)), tls.Server(b, config)
			done := make(chan error, 1)
			go func() { done <- s.Handshake() }()
			go c.Read(make([]byte, 1)) // takes the ticket, which the server waits to get rid of
			if err := <-done; err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := s.ConnectionState().PeerCertificates[0].Subject.CommonName; got != "client" {
				t.Errorf("%s: client %q", name, got)
			}
			a.Close()
			b.Close()
		}
	})
}
