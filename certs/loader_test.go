package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"testing"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"sallyport/internal/testpki"
)

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestLoadForms(t *testing.T) {
	root := testpki.New(t)
	ca := root.Intermediate(t, "issuing", testpki.Options{}).Intermediate(t, "lower", testpki.Options{})
	ec := ca.Server(t, "cs.example.com")
	rsaLeaf := ca.Issue(t, testpki.Options{Names: []string{"cs.example.com"}, RSA: true})
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := ca.Issue(t, testpki.Options{Names: []string{"cs.example.com"}, Key: edKey})
	sec1 := pemBlock("EC PRIVATE KEY", must[[]byte](t)(x509.MarshalECPrivateKey(ec.Key.(*ecdsa.PrivateKey))))
	pkcs1 := pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaLeaf.Key.(*rsa.PrivateKey)))
	//lint:ignore SA1019 users have such files
	legacy := pem.EncodeToMemory(must[*pem.Block](t)(x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY",
		x509.MarshalPKCS1PrivateKey(rsaLeaf.Key.(*rsa.PrivateKey)), []byte("secret"), x509.PEMCipherAES256)))
	pbes2 := pemBlock("ENCRYPTED PRIVATE KEY", must[[]byte](t)(pkcs8.MarshalPrivateKey(ec.Key, []byte("secret"), nil)))
	scrypt := pemBlock("ENCRYPTED PRIVATE KEY", must[[]byte](t)(pkcs8.MarshalPrivateKey(ec.Key, []byte("secret"), &pkcs8.Opts{
		Cipher: pkcs8.AES256CBC, KDFOpts: pkcs8.ScryptOpts{SaltSize: 8, CostParameter: 1 << 14, BlockSize: 8, ParallelizationParameter: 1},
	})))
	// The root among the certificates of a PKCS#12 file, and all of them in the wrong order.
	shuffled := must[[]byte](t)(pkcs12.LegacyRC2.Encode(ec.Key, ec.Certificate,
		[]*x509.Certificate{ec.Chain[2], ec.Chain[1]}, "secret"))

	tests := []struct {
		name      string
		file      string
		cert, key []byte // no key: in the certificate's file
		password  string
		leaf      *testpki.Leaf
	}{
		{"key in its own file", "a.crt", ec.CertPEM(), ec.KeyPEM(t), "", ec},
		{"key after the chain", "a.pem", append(ec.CertPEM(), ec.KeyPEM(t)...), nil, "", ec},
		{"key before the chain", "a.pem", append(ec.KeyPEM(t), ec.CertPEM()...), nil, "", ec},
		{"another key in the file", "a.pem", append(append(rsaLeaf.KeyPEM(t), ec.CertPEM()...), ec.KeyPEM(t)...), nil, "", ec},
		{"SEC 1 key", "a.crt", ec.CertPEM(), sec1, "", ec},
		{"SEC 1 key with its parameters", "a.crt", ec.CertPEM(), append(pemBlock("EC PARAMETERS", []byte("\x06\x08*\x86H\xce=\x03\x01\x07")), sec1...), "", ec},
		{"PKCS#1 key", "a.crt", rsaLeaf.CertPEM(), pkcs1, "", rsaLeaf},
		{"Ed25519", "a.crt", ed.CertPEM(), ed.KeyPEM(t), "", ed},
		{"RFC 1423 encryption", "a.crt", rsaLeaf.CertPEM(), legacy, "secret\n", rsaLeaf},
		{"PBES2 with PBKDF2", "a.crt", ec.CertPEM(), pbes2, "secret\r\nsecond line", ec},
		{"PBES2 with scrypt", "a.crt", ec.CertPEM(), scrypt, "secret", ec},
		{"password given for a plain key", "a.crt", ec.CertPEM(), ec.KeyPEM(t), "secret", ec},
		{"text and byte order mark around", "a.crt", append([]byte("\xef\xbb\xbf"), append(ec.CertPEM(), "\ntrailing text\n"...)...), ec.KeyPEM(t), "", ec},
		{"PKCS#12", "a.p12", ec.PKCS12(t, "secret"), nil, "secret", ec},
		{"PKCS#12 with an empty password", "a.PFX", ec.PKCS12(t, ""), nil, "", ec},
		{"PKCS#12 without encryption", "a.pfx", must[[]byte](t)(pkcs12.Passwordless.Encode(ec.Key, ec.Certificate, ec.Chain[1:], "")), nil, "", ec},
		{"PKCS#12 of old tools, out of order", "a.p12", shuffled, nil, "secret", ec},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			f := Files{
				Certificates: []string{testpki.WriteFile(t, filepath.Join(dir, tt.file), tt.cert)},
				TrustedCA:    testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), root.PEM()),
			}
			if tt.key != nil {
				f.Keys = []string{testpki.WriteFile(t, filepath.Join(dir, "a.key"), tt.key)}
			}
			if tt.password != "" {
				f.PasswordFile = testpki.WriteFile(t, filepath.Join(dir, "password"), []byte(tt.password))
			}
			c, problems := testLoader().Load(f)
			if len(problems) > 0 {
				t.Fatalf("problems: %q", render(dir, problems))
			}
			got := c.Certificates[0]
			if !got.Leaf.Equal(tt.leaf.Certificate) || !belongs(tt.leaf.Key, got.Leaf) || got.TLS.Leaf != got.Leaf {
				t.Errorf("another certificate was loaded: %s", got)
			}
			if len(got.TLS.Certificate) != 3 {
				t.Errorf("chain of %d certificates, want 3", len(got.TLS.Certificate))
			}
			o := shake(t, new(Resumption).Server("p", Server{Default: c}), root.ClientConfig("cs.example.com", nil))
			if o.clientErr != nil || o.serverErr != nil {
				t.Errorf("handshake: client %v, server %v", o.clientErr, o.serverErr)
			}
		})
	}
}

func TestLoadOrdersByKind(t *testing.T) {
	ca, dir := testpki.New(t), t.TempDir()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var f Files
	for name, o := range map[string]testpki.Options{
		"1rsa": {RSA: true}, "2ed": {Key: edKey}, "3ec": {},
	} {
		o.Names = []string{"a.example.com"}
		cert, key := ca.Issue(t, o).Write(t, dir, name)
		f.Certificates, f.Keys = append(f.Certificates, cert), append(f.Keys, key)
	}
	got := mustLoad(t, f).Certificates
	if len(got) != 3 || got[0].kindName() != "ECDSA" || got[1].kindName() != "Ed25519" || got[2].kindName() != "RSA" {
		t.Errorf("order: %v", got)
	}
}

func TestLoaderShares(t *testing.T) {
	ca, dir := testpki.New(t), t.TempDir()
	cert, key := ca.Server(t, "a.example.com").Write(t, dir, "a")
	f := Files{
		Certificates: []string{cert}, Keys: []string{key},
		TrustedCA: testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), ca.PEM()),
	}
	l := testLoader()
	load := func() *Credentials {
		t.Helper()
		c, problems := l.Load(f)
		if c == nil {
			t.Fatal(problems)
		}
		return c
	}
	first := load()
	l.Sweep()
	second := load()
	l.Sweep()
	if first.Certificates[0] != second.Certificates[0] || first.Trust != second.Trust {
		t.Error("unchanged files were parsed anew")
	}
	ca.Server(t, "a.example.com").Write(t, dir, "a")
	if third := load(); third.Certificates[0] == first.Certificates[0] || third.Trust != first.Trust {
		t.Error("a changed certificate was not read, or took the CA with it")
	}
	l.Sweep()
	if n := len(l.certificates.entries); n != 1 {
		t.Errorf("%d certificates are kept after the sweep, want 1", n)
	}
	l.Sweep()
	if len(l.certificates.entries)+len(l.trusts.entries) != 0 {
		t.Error("unused entries survived two sweeps")
	}
}

func TestCertificateString(t *testing.T) {
	ca := testpki.New(t)
	for _, tt := range []struct {
		o    testpki.Options
		want string
	}{
		{testpki.Options{CommonName: "cs", Names: []string{"cs.example.com"}}, "cs"},
		{testpki.Options{Names: []string{"cs.example.com"}}, "cs.example.com"},
		{testpki.Options{URIs: []string{"spiffe://x/y"}}, "spiffe://x/y"},
		{testpki.Options{CommonName: "evil\nname"}, `"evil\nname"`},
		{testpki.Options{}, "(no name)"},
	} {
		if got := subject(ca.Issue(t, tt.o).Certificate); got != tt.want {
			t.Errorf("subject(%+v) = %s, want %s", tt.o, got, tt.want)
		}
	}
	leaf := ca.Server(t, "cs.example.com", "10.0.0.1")
	c := newCertificate("f", leaf.Chain, leaf.Key)
	if !c.Covers("CS.example.com") || !c.Covers("10.0.0.1") || c.Covers("example.com") {
		t.Error("Covers does not follow the certificate's names")
	}
}

func curveKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	return must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(curve, rand.Reader))
}
