//go:build integration

package integration

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"path/filepath"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// authority is a certificate authority whose certificates lie in files, as the real programs take them.
type authority struct {
	*testpki.CA
	dir  string
	file string // its own certificate
}

// pair is a certificate with its key.
type pair struct {
	*testpki.Leaf
	certificate, key string // paths
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{CA: testpki.NewNamed(t, name, testpki.Options{}), dir: t.TempDir()}
	a.file = testpki.WriteFile(t, filepath.Join(a.dir, "ca.crt"), a.PEM())
	return a
}

// server issues a certificate for a server of these names, localhost and 127.0.0.1 if none.
func (a *authority) server(t *testing.T, names ...string) pair {
	t.Helper()
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1"}
	}
	return a.store(t, a.Server(t, names...))
}

// client issues a certificate for a client.
func (a *authority) client(t *testing.T, commonName string) pair {
	t.Helper()
	return a.store(t, a.Client(t, commonName))
}

// expired issues a certificate for a client whose time is over.
func (a *authority) expired(t *testing.T, commonName string) pair {
	t.Helper()
	return a.store(t, a.Issue(t, testpki.Options{CommonName: commonName, NotAfter: time.Now().Add(-time.Hour)}))
}

// rsa issues an RSA certificate for a server on localhost.
func (a *authority) rsa(t *testing.T) pair {
	t.Helper()
	return a.store(t, a.Issue(t, testpki.Options{CommonName: "localhost", Names: []string{"localhost"}, IPs: []string{"127.0.0.1"}, RSA: true}))
}

func (a *authority) store(t *testing.T, leaf *testpki.Leaf) pair {
	t.Helper()
	certificate, key := leaf.Write(t, a.dir, rand.Text()[:8])
	return pair{Leaf: leaf, certificate: certificate, key: key}
}

// revoke writes a revocation list with these certificates and returns its path.
func (a *authority) revoke(t *testing.T, revoked ...pair) string {
	t.Helper()
	leaves := make([]*testpki.Leaf, len(revoked))
	for i, p := range revoked {
		leaves[i] = p.Leaf
	}
	return testpki.WriteFile(t, filepath.Join(a.dir, rand.Text()[:8]+".crl"), a.CRL(t, time.Time{}, time.Time{}, leaves...))
}

// dialTLS connects to localhost from a Go client; client may be nil. The connection ends with the test.
func (a *authority) dialTLS(t *testing.T, address string, client *pair) *tls.Conn {
	t.Helper()
	conn := a.overTLS(dial(t, address, ""), client)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatalf("handshake with %s: %v", address, err)
	}
	return conn
}

// overTLS puts the TLS of a Go client for localhost on a connection; client may be nil.
func (a *authority) overTLS(conn net.Conn, client *pair) *tls.Conn {
	var shown *testpki.Leaf
	if client != nil {
		shown = client.Leaf
	}
	return tls.Client(conn, a.ClientConfig("localhost", shown))
}

// serialOf returns the serial number of the first certificate in PEM.
func serialOf(t *testing.T, certificate string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(certificate))
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.SerialNumber.String()
}
