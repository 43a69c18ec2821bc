package certs

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/youmark/pkcs8"

	"sallyport/internal/testpki"
)

// bench is a directory with a CA and a good certificate in it, to be spoiled by a test.
type bench struct {
	t    *testing.T
	dir  string
	ca   *testpki.CA
	leaf *testpki.Leaf
}

func (b bench) file(name string, pieces ...[]byte) string {
	b.t.Helper()
	return testpki.WriteFile(b.t, filepath.Join(b.dir, name), pieces...)
}

// issue returns the files of a certificate with these options, and of its CA.
func (b bench) issue(o testpki.Options) Files {
	b.t.Helper()
	if o.Names == nil {
		o.Names = []string{"a.example.com"}
	}
	return b.files(b.ca.Issue(b.t, o))
}

func (b bench) files(leaf *testpki.Leaf) Files {
	b.t.Helper()
	cert, key := leaf.Write(b.t, b.dir, "a")
	return Files{Certificates: []string{cert}, Keys: []string{key}, TrustedCA: b.file("ca.crt", b.ca.PEM())}
}

func TestCertificateProblems(t *testing.T) {
	tests := []struct {
		name  string
		files func(b bench) Files
		want  []string
	}{
		{"nothing named", func(b bench) Files { return Files{} }, []string{"certificate[0]: no file is named"}},
		{"missing files", func(b bench) Files {
			return Files{Certificates: []string{b.dir + "/x.crt"}, Keys: []string{b.dir + "/no/x.key"}}
		}, []string{
			"certificate[0]: x.crt: does not exist",
			"certificate_key[0]: no/x.key: does not exist | the directory no does not exist either",
		}},
		{"directory", func(b bench) Files { return Files{Certificates: []string{b.dir + "/."}} },
			[]string{"certificate[0]: .: is a directory, not a file | name the file inside it"}},
		{"empty", func(b bench) Files { return Files{Certificates: []string{b.file("a.crt")}} },
			[]string{"certificate[0]: a.crt: is empty"}},
		{"no certificate block", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.crt", b.leaf.KeyPEM(b.t))}}
		}, []string{`certificate[0]: a.crt: contains no certificate, only 1 "PRIVATE KEY"`}},
		{"no PEM", func(b bench) Files { return Files{Certificates: []string{b.file("a.crt", []byte("hello"))}} },
			[]string{"certificate[0]: a.crt: contains no PEM block | a PEM file has lines like -----BEGIN CERTIFICATE-----"}},
		{"damaged PEM", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.crt", b.leaf.KeyPEM(b.t), []byte("-----BEGIN CERTIFICATE-----\nMII$\n-----END CERTIFICATE-----\n"), b.leaf.CertPEM())}}
		}, []string{"certificate[0]: a.crt: the PEM block at line 6 is damaged | copy the whole block again, from its BEGIN line to its END line, without changing a character"}},
		{"unparsable certificate", func(b bench) Files {
			f := b.files(b.leaf)
			b.file("a.crt", b.leaf.KeyPEM(b.t), b.leaf.KeyPEM(b.t), pemBlock("CERTIFICATE", []byte("junk")), b.leaf.CertPEM())
			return f
		}, []string{"certificate[0]: a.crt: the certificate at line 11 cannot be read: x509: malformed certificate"}},
		{"DER", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.crt", b.leaf.Certificate.Raw)}}
		}, []string{"certificate[0]: a.crt: is a DER certificate; PEM is needed | openssl x509 -inform DER -in a.crt -out a.crt.pem"}},
		{"openssl's trusted format", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.crt", pemBlock("TRUSTED CERTIFICATE", b.leaf.Certificate.Raw), b.leaf.KeyPEM(b.t))}}
		}, []string{"certificate[0]: a.crt: the block at line 1 is in openssl's own TRUSTED CERTIFICATE format | openssl x509 -in a.crt -out a.crt.pem"}},
		{"Java key store", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.jks", []byte("\xfe\xed\xfe\xed\x00"))}}
		}, []string{"certificate[0]: a.jks: is a Java key store; PEM or PKCS#12 is needed | keytool -importkeystore -srckeystore a.jks -destkeystore a.jks.p12 -deststoretype pkcs12"}},
		{"expired", func(b bench) Files {
			return b.issue(testpki.Options{CommonName: "old", NotAfter: testNow.Add(-time.Hour)})
		}, []string{"certificate[0]: a.crt: the certificate, old, expired on 2026-06-15 11:00 UTC | renew it"}},
		{"not yet valid", func(b bench) Files {
			return b.issue(testpki.Options{CommonName: "early", NotBefore: testNow.Add(time.Hour)})
		}, []string{"certificate[0]: a.crt: the certificate, early, is not valid until 2026-06-15 13:00 UTC | is this machine's clock right?"}},
		{"expires soon", func(b bench) Files {
			return b.issue(testpki.Options{CommonName: "soon", NotAfter: testNow.Add(29 * 24 * time.Hour)})
		}, []string{"warning: certificate[0]: a.crt: the certificate, soon, expires within 30 days, on 2026-07-14 12:00 UTC | renew it"}},
		{"expired intermediate", func(b bench) Files {
			mid := b.ca.Intermediate(b.t, "mid", testpki.Options{NotAfter: testNow.Add(-time.Hour)})
			return b.files(mid.Server(b.t, "a.example.com"))
		}, []string{"certificate[0]: a.crt: a certificate of the chain, mid, expired on 2026-06-15 11:00 UTC | renew it"}},
		{"CA as leaf", func(b bench) Files { return b.issue(testpki.Options{CommonName: "ca", CA: true}) },
			[]string{"warning: certificate[0]: a.crt: ca is a CA certificate, not one for a server | some peers refuse that; issue a certificate from it, or for a self-signed one add to openssl req: -addext basicConstraints=critical,CA:FALSE"}},
		{"client's certificate for a server", func(b bench) Files {
			return b.issue(testpki.Options{CommonName: "c", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		}, []string{"warning: certificate[0]: a.crt: c is not for a server: its extended key usage lacks serverAuth | most peers refuse that; issue it with extendedKeyUsage = serverAuth"}},
		{"server's certificate for a client", func(b bench) Files {
			f := b.files(b.ca.Server(b.t, "s"))
			f.Purpose = ForClient
			return f
		}, []string{"warning: certificate[0]: a.crt: s is not for a client: its extended key usage lacks clientAuth | most peers refuse that; issue it with extendedKeyUsage = clientAuth"}},
		{"any usage will do", func(b bench) Files {
			return b.issue(testpki.Options{Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		}, nil},
		{"common name only", func(b bench) Files {
			return b.issue(testpki.Options{CommonName: "cn.example.com", Names: []string{}})
		}, []string{"warning: certificate[0]: a.crt: cn.example.com has no alternative name, and today's clients ignore the common name | issue it with subjectAltName = DNS:NAME"}},
		{"intermediate missing", func(b bench) Files {
			mid := b.ca.Intermediate(b.t, "mid", testpki.Options{})
			leaf := mid.Server(b.t, "a.example.com")
			leaf.Chain = leaf.Chain[:1]
			return b.files(leaf)
		}, []string{"certificate[0]: a.crt: the chain of a.example.com does not lead to the CA in trusted_ca: x509: certificate signed by unknown authority | is an intermediate missing after the leaf? if its CA is another one, append that to the certificate's file, not to trusted_ca, which says whom clients are trusted by"}},
		{"another CA", func(b bench) Files {
			return b.files(testpki.NewNamed(b.t, "other", testpki.Options{}).Server(b.t, "a.example.com"))
		},
			[]string{"certificate[0]: a.crt: the chain of a.example.com does not lead to the CA in trusted_ca: x509: certificate signed by unknown authority | is an intermediate missing after the leaf? if its CA is another one, append that to the certificate's file, not to trusted_ca, which says whom clients are trusted by"}},
		{"another CA, whose root is in the file", func(b bench) Files {
			other := testpki.NewNamed(b.t, "other", testpki.Options{})
			leaf := other.Server(b.t, "a.example.com")
			leaf.Chain = append(leaf.Chain, other.Certificate)
			return b.files(leaf)
		}, nil},
		{"order", func(b bench) Files {
			leaf := b.ca.Intermediate(b.t, "upper", testpki.Options{}).Intermediate(b.t, "lower", testpki.Options{}).Server(b.t, "leaf")
			leaf.Chain[1], leaf.Chain[2] = leaf.Chain[2], leaf.Chain[1]
			return b.files(leaf)
		}, []string{"certificate[0]: a.crt: the chain is out of order: certificate 1 (leaf) was signed by certificate 3 (lower), which must come next | leaf first, then each certificate followed by the one that signed it"}},
		{"leaf last", func(b bench) Files {
			leaf := b.ca.Intermediate(b.t, "mid", testpki.Options{}).Server(b.t, "leaf")
			leaf.Chain[0], leaf.Chain[1] = leaf.Chain[1], leaf.Chain[0]
			return b.files(leaf)
		}, []string{"certificate_key[0]: a.key: the key belongs to certificate 2 of the chain (leaf), which must come first | put it first, then each certificate followed by the one that signed it"}},
		{"stranger in the chain", func(b bench) Files {
			leaf := b.ca.Server(b.t, "leaf")
			leaf.Chain = append(leaf.Chain, testpki.NewNamed(b.t, "other", testpki.Options{}).Certificate)
			return b.files(leaf)
		}, []string{"certificate[0]: a.crt: certificate 2 of the chain (other) did not sign certificate 1 (leaf): it is not the issuer that the certificate names | leaf first, then each certificate followed by the one that signed it"}},
		{"twice in the chain", func(b bench) Files {
			leaf := b.ca.Server(b.t, "leaf")
			leaf.Chain = append(leaf.Chain, leaf.Certificate)
			return b.files(leaf)
		}, []string{"certificate[0]: a.crt: the chain holds certificate 1 (leaf) twice | remove one of the two"}},
		{"two of a kind", func(b bench) Files {
			f := b.files(b.leaf)
			cert, key := b.ca.Server(b.t, "a.example.com").Write(b.t, b.dir, "b")
			f.Certificates, f.Keys = append(f.Certificates, cert), append(f.Keys, key)
			return f
		}, []string{"certificate[1]: b.crt: two ECDSA certificates for the same names; one would never be served (the other is in a.crt) | remove one; several certificates of a level differ by the kind of key or by name"}},
		{"two of a kind for different names", func(b bench) Files {
			f := b.files(b.leaf)
			cert, key := b.ca.Server(b.t, "b.example.com").Write(b.t, b.dir, "b")
			f.Certificates, f.Keys = append(f.Certificates, cert), append(f.Keys, key)
			return f
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ca := testpki.New(t)
			b := bench{t, t.TempDir(), ca, ca.Server(t, "a.example.com")}
			wantProblems(t, b.dir, tt.files(b), tt.want...)
		})
	}
}

func TestKeyProblems(t *testing.T) {
	ca := testpki.New(t)
	small := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	const wrong = "certificate_key[0]: a.key: the encrypted key at line 1 cannot be read: wrong password, or the block is damaged | is the password the first line of certificate_password_file?"
	tests := []struct {
		name  string
		files func(b bench) Files
		want  []string
	}{
		{"expired and no key for it", func(b bench) Files {
			f := b.issue(testpki.Options{CommonName: "old", NotAfter: testNow.Add(-time.Hour)})
			os.Remove(f.Keys[0])
			return f
		}, []string{
			"certificate_key[0]: a.key: does not exist",
			"certificate[0]: a.crt: the certificate, old, expired on 2026-06-15 11:00 UTC | renew it",
		}},
		{"key of another certificate", func(b bench) Files {
			f := b.files(b.leaf)
			b.file("a.key", b.ca.Server(b.t, "b").KeyPEM(b.t))
			return f
		}, []string{"certificate_key[0]: a.key: the key does not match the certificate of a.example.com in a.crt | the two public keys must be equal: openssl x509 -noout -pubkey -in a.crt; openssl pkey -pubout -in a.key"}},
		{"no key named", func(b bench) Files { f := b.files(b.leaf); f.Keys = nil; return f },
			[]string{"certificate[0]: a.crt: contains no private key, and no other file is named for it | name the key's file in certificate_key"}},
		{"certificate as key", func(b bench) Files { f := b.files(b.leaf); f.Keys = []string{f.TrustedCA}; return f },
			[]string{`certificate_key[0]: ca.crt: contains no private key, only 1 "CERTIFICATE"`}},
		{"one key too many", func(b bench) Files { f := b.files(b.leaf); f.Keys = append(f.Keys, "b.key"); return f },
			[]string{"certificate_key[1]: b.key: there is no certificate for this key | name as many certificates as keys"}},
		{"DER key", func(b bench) Files {
			f := b.files(b.leaf)
			b.file("a.key", must[[]byte](b.t)(x509.MarshalPKCS8PrivateKey(b.leaf.Key)))
			return f
		}, []string{"certificate_key[0]: a.key: is a DER private key; PEM is needed | openssl pkey -inform DER -in a.key -out a.key.pem"}},
		{"damaged key", func(b bench) Files {
			f := b.files(b.leaf)
			b.file("a.key", pemBlock("PRIVATE KEY", []byte("x")))
			return f
		},
			[]string{"certificate_key[0]: a.key: the key at line 1 cannot be read: neither PKCS#1 nor SEC 1 nor PKCS#8"}},
		{"OpenSSH key", func(b bench) Files {
			f := b.files(b.leaf)
			b.file("a.key", pemBlock("OPENSSH PRIVATE KEY", []byte("x")))
			return f
		}, []string{"certificate_key[0]: a.key: the key at line 1 is in OpenSSH's own format; PEM is needed | ssh-keygen -p -m PEM -f FILE"}},
		{"P-224", func(b bench) Files { return b.issue(testpki.Options{Key: curveKey(b.t, elliptic.P224())}) },
			[]string{"certificate_key[0]: a.key: the ECDSA key is on the curve P-224, which TLS clients do not accept | make a new key on P-256"}},
		{"RSA 1024", func(b bench) Files {
			f := b.files(b.leaf)
			b.file("a.key", pemBlock("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small)))
			return f
		},
			[]string{"certificate_key[0]: a.key: the RSA key has 1024 bits; at least 2048 are needed | make a new key, ECDSA P-256 or RSA 2048"}},
		{"encrypted, no password", func(b bench) Files { return b.encrypted("secret", nil) },
			[]string{"certificate_key[0]: a.key: the key at line 1 is encrypted and there is no password | name the file that holds its password in certificate_password_file"}},
		{"wrong password", func(b bench) Files { return b.encrypted("secret", []byte("Secret")) }, []string{wrong}},
		{"password file missing", func(b bench) Files { f := b.encrypted("secret", nil); f.PasswordFile = b.dir + "/pw"; return f },
			[]string{"certificate_password_file[0]: pw: does not exist"}},
		{"PKCS#12, wrong password", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.p12", b.leaf.PKCS12(b.t, "secret"))}, PasswordFile: b.file("pw", []byte("x"))}
		}, []string{"certificate[0]: a.p12: cannot be decrypted: wrong password | is the password the first line of certificate_password_file?"}},
		{"PKCS#12, no password", func(b bench) Files {
			return Files{Certificates: []string{b.file("a.p12", b.leaf.PKCS12(b.t, "secret"))}}
		}, []string{"certificate[0]: a.p12: is encrypted and there is no password | name the file that holds its password in certificate_password_file"}},
		{"PEM called PKCS#12", func(b bench) Files { return Files{Certificates: []string{b.file("a.p12", b.leaf.CertPEM())}} },
			[]string{"certificate[0]: a.p12: is PEM, not PKCS#12 as its extension says | give it the extension .pem"}},
		{"PKCS#12 beside a key", func(b bench) Files {
			f := b.files(b.leaf)
			f.Certificates[0] = b.file("a.p12", b.leaf.PKCS12(b.t, ""))
			return f
		}, []string{"certificate_key[0]: a.key: the PKCS#12 file a.p12 holds the key already | remove certificate_key"}},
		{"everything at once", func(b bench) Files {
			return Files{
				Certificates: []string{b.dir + "/a.crt", b.file("b.crt", []byte("-"))}, Keys: []string{b.file("a.key"), b.file("b.key")},
				PasswordFile: b.dir + "/pw", TrustedCA: b.file("ca.crt"), CRLs: []string{b.dir + "/crl"},
			}
		}, []string{
			"certificate_password_file[0]: pw: does not exist",
			"trusted_ca[0]: ca.crt: is empty",
			"crl[0]: crl: does not exist",
			"certificate[0]: a.crt: does not exist",
			"certificate_key[0]: a.key: is empty",
			"certificate_key[1]: b.key: is empty",
			"certificate[1]: b.crt: contains no PEM block | a PEM file has lines like -----BEGIN CERTIFICATE-----",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{t, t.TempDir(), ca, ca.Server(t, "a.example.com")}
			wantProblems(t, b.dir, tt.files(b), tt.want...)
		})
	}
}

// encrypted returns a level whose key has this password.
func (b bench) encrypted(pass string, given []byte) Files {
	b.t.Helper()
	f := b.files(b.leaf)
	b.file("a.key", pemBlock("ENCRYPTED PRIVATE KEY", must[[]byte](b.t)(pkcs8.MarshalPrivateKey(b.leaf.Key, []byte(pass), nil))))
	if given != nil {
		f.PasswordFile = b.file("pw", given)
	}
	return f
}

func TestExposedSecrets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps no such mode bits")
	}
	ca := testpki.New(t)
	b := bench{t, t.TempDir(), ca, ca.Server(t, "a.example.com")}
	f := b.files(b.leaf)
	combined := b.file("c.pem", b.leaf.CertPEM(), b.leaf.KeyPEM(t))
	p12, pw := b.file("c.p12", b.leaf.PKCS12(t, "pw")), b.file("pw", []byte("pw"))
	for path, mode := range map[string]os.FileMode{f.Certificates[0]: 0o644, f.Keys[0]: 0o644, combined: 0o604, p12: 0o606, pw: 0o644, f.TrustedCA: 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	hint := func(file string) string {
		return " | chmod 600 " + file + " (in a Kubernetes secret volume: defaultMode: 0400)"
	}
	const text = "holds a secret that every user of this machine can read (mode "
	wantProblems(t, b.dir, f, "certificate_key[0]: a.key: "+text+"0644)"+hint("a.key"))
	wantProblems(t, b.dir, Files{Certificates: []string{combined}}, "certificate[0]: c.pem: "+text+"0604)"+hint("c.pem"))
	wantProblems(t, b.dir, Files{Certificates: []string{p12}, PasswordFile: pw},
		"certificate_password_file[0]: pw: "+text+"0644)"+hint("pw"), "certificate[0]: c.p12: "+text+"0606)"+hint("c.p12"))
}
