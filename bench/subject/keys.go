package subject

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// ServerName is the name in the servers' certificates.
const ServerName = "bench.example.com"

// Keys are the files that all subjects and clients share.
type Keys struct {
	CA         string
	ECDSA, RSA Pair // of the server
	Client     Pair
}

// Pair is a certificate and its key.
type Pair struct{ Certificate, Key string }

// Both is a file that holds the certificate and the key, as some proxies want it.
func (p Pair) Both() string { return p.Certificate + "+key" }

// NewKeys makes a CA and what it signs, for one day, in dir.
func NewKeys(dir string) (Keys, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Keys{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "bench CA"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, caKey.Public(), caKey)
	if err != nil {
		return Keys{}, fmt.Errorf("ca: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return Keys{}, fmt.Errorf("ca: %w", err)
	}
	s := signer{dir: dir, ca: ca, key: caKey}
	keys := Keys{CA: filepath.Join(dir, "ca.crt")}
	if err := os.WriteFile(keys.CA, block("CERTIFICATE", der), 0o644); err != nil {
		return Keys{}, err
	}
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Keys{}, err
	}
	clientKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	keys.ECDSA = s.pair("ecdsa", x509.ExtKeyUsageServerAuth, ecKey)
	keys.RSA = s.pair("rsa", x509.ExtKeyUsageServerAuth, rsaKey)
	keys.Client = s.pair("client", x509.ExtKeyUsageClientAuth, clientKey)
	return keys, s.err
}

// signer makes pairs; err is the first that went wrong.
type signer struct {
	dir    string
	ca     *x509.Certificate
	key    crypto.Signer
	serial int64
	err    error
}

func (s *signer) pair(name string, usage x509.ExtKeyUsage, key crypto.Signer) Pair {
	s.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 + s.serial),
		Subject:      pkix.Name{CommonName: name + "." + ServerName},
		DNSNames:     []string{ServerName},
		NotBefore:    s.ca.NotBefore,
		NotAfter:     s.ca.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{usage},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, s.ca, key.Public(), s.key)
	s.note(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	s.note(err)
	p := Pair{filepath.Join(s.dir, name+".crt"), filepath.Join(s.dir, name+".key")}
	s.note(os.WriteFile(p.Certificate, block("CERTIFICATE", certificate), 0o644))
	s.note(os.WriteFile(p.Key, block("PRIVATE KEY", private), 0o600))
	s.note(os.WriteFile(p.Both(), append(block("CERTIFICATE", certificate), block("PRIVATE KEY", private)...), 0o600))
	return p
}

func (s *signer) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// server is the pair that a task is served with.
func (k Keys) server(t Task) Pair {
	if t.RSA {
		return k.RSA
	}
	return k.ECDSA
}
