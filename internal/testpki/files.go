package testpki

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// PEM returns the CA's certificate.
func (ca *CA) PEM() []byte { return encode(ca.Certificate) }

// Pool returns a pool that trusts this CA alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}

// CRL returns a PEM revocation list of the CA with these certificates on it; a zero time stands for
// the default validity.
func (ca *CA) CRL(t testing.TB, thisUpdate, nextUpdate time.Time, revoked ...*Leaf) []byte {
	t.Helper()
	since, until := Valid()
	if thisUpdate.IsZero() {
		thisUpdate = since
	}
	if nextUpdate.IsZero() {
		nextUpdate = until
	}
	list := &x509.RevocationList{Number: big.NewInt(thisUpdate.Unix()), ThisUpdate: thisUpdate, NextUpdate: nextUpdate}
	for _, leaf := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: leaf.Certificate.SerialNumber, RevocationTime: thisUpdate,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Certificate, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// CertPEM returns the chain, leaf first.
func (l *Leaf) CertPEM() []byte { return encode(l.Chain...) }

// KeyPEM returns the key as unencrypted PKCS#8.
func (l *Leaf) KeyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(l.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// PKCS12 returns certificate, intermediates and key as one PKCS#12 file.
func (l *Leaf) PKCS12(t testing.TB, password string) []byte {
	t.Helper()
	data, err := pkcs12.Modern2023.Encode(l.Key, l.Certificate, l.Chain[1:], password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TLS returns the certificate as crypto/tls takes it.
func (l *Leaf) TLS() tls.Certificate {
	c := tls.Certificate{PrivateKey: l.Key, Leaf: l.Certificate}
	for _, cert := range l.Chain {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

// Write writes NAME.crt and NAME.key into dir and returns their paths.
func (l *Leaf) Write(t testing.TB, dir, name string) (certFile, keyFile string) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	WriteFile(t, certFile, l.CertPEM())
	WriteFile(t, keyFile, l.KeyPEM(t))
	return certFile, keyFile
}

// WriteFile writes pieces, one after the other, into a file that only its owner can read, and
// returns its path.
func WriteFile(t testing.TB, path string, pieces ...[]byte) string {
	t.Helper()
	var data []byte
	for _, piece := range pieces {
		data = append(data, piece...)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ServerConfig returns a configuration for a server of these names. It asks for no client
// certificate; set ClientAuth and ClientCAs for that.
func (ca *CA) ServerConfig(t testing.TB, names ...string) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{ca.Server(t, names...).TLS()}, MinVersion: tls.VersionTLS12}
}

// ClientConfig returns a configuration for a client that trusts this CA and shows the certificate
// client, which may be nil.
func (ca *CA) ClientConfig(serverName string, client *Leaf) *tls.Config {
	c := &tls.Config{RootCAs: ca.Pool(), ServerName: serverName, MinVersion: tls.VersionTLS12}
	if client != nil {
		c.Certificates = []tls.Certificate{client.TLS()}
	}
	return c
}

func encode(certs ...*x509.Certificate) []byte {
	var data []byte
	for _, c := range certs {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return data
}
