package certs

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/youmark/pkcs8"

	"sallyport/internal/testpki"
)

// FuzzLoadPEM has one file for everything: certificate, key, CA and revocation list.
func FuzzLoadPEM(f *testing.F) {
	ca := testpki.New(f)
	mid := ca.Intermediate(f, "mid", testpki.Options{})
	leaf := mid.Server(f, "a.example.com")
	encrypted := pemBlock("ENCRYPTED PRIVATE KEY", must[[]byte](f)(pkcs8.MarshalPrivateKey(leaf.Key, []byte("secret"), &pkcs8.Opts{
		Cipher: pkcs8.AES256CBC, KDFOpts: pkcs8.ScryptOpts{SaltSize: 8, CostParameter: 2, BlockSize: 1, ParallelizationParameter: 1},
	})))
	everything := append(append(leaf.CertPEM(), leaf.KeyPEM(f)...), ca.PEM()...)
	f.Add(everything)
	f.Add(append(everything, encrypted...))
	f.Add(append(encrypted, everything...))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0x80}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := testpki.WriteFile(t, filepath.Join(dir, "a.pem"), data)
		password := testpki.WriteFile(t, filepath.Join(dir, "password"), []byte("secret"))
		checkLoaded(t, Files{Certificates: []string{path}, PasswordFile: password})
		checkLoaded(t, Files{Certificates: []string{path}, PasswordFile: password, TrustedCA: path, CRLs: []string{path}})
	})
}

func FuzzLoadPKCS12(f *testing.F) {
	ca := testpki.New(f)
	leaf := ca.Server(f, "a.example.com")
	f.Add(leaf.PKCS12(f, "secret"))
	f.Add(leaf.PKCS12(f, ""))
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x03})
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := testpki.WriteFile(t, filepath.Join(dir, "a.p12"), data)
		password := testpki.WriteFile(t, filepath.Join(dir, "password"), []byte("secret"))
		checkLoaded(t, Files{Certificates: []string{path}, PasswordFile: password})
	})
}

// FuzzRevocationList takes the CA from the corpus too: each fuzzing process makes its own.
func FuzzRevocationList(f *testing.F) {
	ca := testpki.New(f)
	leaf := ca.Client(f, "c")
	list := ca.CRL(f, testNow, testNow, leaf)
	f.Add(ca.PEM(), list)
	block, _ := pem.Decode(list)
	f.Add(ca.PEM(), block.Bytes)
	f.Fuzz(func(t *testing.T, authority, list []byte) {
		dir := t.TempDir()
		checkLoaded(t, Files{
			Purpose:   ForClient,
			TrustedCA: testpki.WriteFile(t, filepath.Join(dir, "ca"), authority),
			CRLs:      []string{testpki.WriteFile(t, filepath.Join(dir, "a.crl"), list)},
		})
	})
}

// checkLoaded is the property: an error, or credentials that a handshake can be made with.
func checkLoaded(t *testing.T, f Files) {
	c, problems := testLoader().Load(f)
	if c == nil {
		for _, p := range problems {
			if !p.Warning {
				return
			}
		}
		t.Fatalf("no credentials and no reason: %v", problems)
	}
	for _, p := range problems {
		if !p.Warning {
			t.Fatalf("credentials in spite of %v", p)
		}
	}
	if f.TrustedCA != "" && (c.Trust == nil || len(c.Trust.authorities) == 0) {
		t.Fatal("a trusted CA and no trust")
	}
	if len(c.Certificates) != len(f.Certificates) {
		t.Fatalf("%d certificates of %d files", len(c.Certificates), len(f.Certificates))
	}
	for _, certificate := range c.Certificates {
		data, err := os.ReadFile(certificate.File)
		if err != nil || len(data) == 0 {
			t.Fatalf("%s: %v", certificate.File, err)
		}
		client := testpki.New(t).ClientConfig("a", nil)
		o := shake(t, new(Resumption).Server("p", Server{Default: c}), client)
		if !o.served.Equal(certificate.Leaf) {
			t.Fatalf("not served: %v", o.serverErr)
		}
	}
}
