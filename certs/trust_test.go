package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

func TestTrustProblems(t *testing.T) {
	ca := testpki.New(t)
	other := testpki.NewNamed(t, "other", testpki.Options{})
	gone := testpki.NewNamed(t, "gone", testpki.Options{NotAfter: testNow.Add(-time.Hour)})
	future := testpki.NewNamed(t, "future", testpki.Options{NotBefore: testNow.Add(time.Hour)})
	soon := testpki.NewNamed(t, "soon", testpki.Options{NotAfter: testNow.Add(time.Hour)})
	impostor := testpki.New(t) // of the same name
	none, past := time.Time{}, testNow.Add(-time.Hour)
	good := ca.CRL(t, none, none)
	tests := []struct {
		name string
		ca   []byte
		crls [][]byte
		want []string
	}{
		{"good", ca.PEM(), nil, nil},
		{"empty", nil, nil, []string{"trusted_ca[0]: ca.crt: is empty"}},
		{"no certificate", good, nil, []string{`trusted_ca[0]: ca.crt: contains no certificate, only 1 "X509 CRL"`}},
		{"no CA", ca.Client(t, "c").CertPEM(), nil, []string{
			"warning: trusted_ca[0]: ca.crt: c is not a CA certificate and is left out | remove it; peers are verified against CA certificates",
			"trusted_ca[0]: ca.crt: contains no CA certificate, only certificates of servers or clients | name the certificate of the CA that issues the peers' certificates",
		}},
		{"a leaf beside the CA", append(ca.PEM(), ca.Client(t, "c").CertPEM()...), nil, []string{
			"warning: trusted_ca[0]: ca.crt: c is not a CA certificate and is left out | remove it; peers are verified against CA certificates",
		}},
		{"all expired", gone.PEM(), nil, []string{"trusted_ca[0]: ca.crt: the CA gone expired on 2026-06-15 11:00 UTC | remove it"}},
		{"none valid yet", append(gone.PEM(), future.PEM()...), nil, []string{
			"trusted_ca[0]: ca.crt: the CA gone expired on 2026-06-15 11:00 UTC | remove it",
			"trusted_ca[0]: ca.crt: the CA future is not valid until 2026-06-15 13:00 UTC | is this machine's clock right?",
		}},
		{"some expired", append(ca.PEM(), gone.PEM()...), nil, []string{
			"warning: trusted_ca[0]: ca.crt: the CA gone expired on 2026-06-15 11:00 UTC | remove it",
		}},
		{"expires soon", soon.PEM(), nil, []string{
			"warning: trusted_ca[0]: ca.crt: the CA soon expires within 30 days, on 2026-06-15 13:00 UTC | have its successor ready",
		}},
		{"list", ca.PEM(), [][]byte{good}, nil},
		{"DER list", ca.PEM(), [][]byte{derOf(t, good)}, nil},
		{"two lists in a file", append(ca.PEM(), other.PEM()...), [][]byte{append(bytes.Clone(good), other.CRL(t, none, none)...)}, nil},
		{"a list in each of two files", append(ca.PEM(), other.PEM()...), [][]byte{good, other.CRL(t, none, none)}, nil},
		{"no list", ca.PEM(), [][]byte{ca.PEM()}, []string{
			`crl[0]: 0.crl: contains no revocation list, only 1 "CERTIFICATE"`,
			"warning: crl[0]: 0.crl: no revocation list covers the CA test root; clients whose issuer no list covers are refused | add the list of that CA",
		}},
		{"a CA without a list", append(ca.PEM(), other.PEM()...), [][]byte{good}, []string{
			"warning: crl[0]: 0.crl: no revocation list covers the CA other; clients whose issuer no list covers are refused | add the list of that CA",
		}},
		{"unreadable list", ca.PEM(), [][]byte{append(pemBlock("X509 CRL", []byte("x")), good...)}, []string{
			"crl[0]: 0.crl: revocation list 1 cannot be read: x509: malformed crl",
		}},
		{"stranger's list", ca.PEM(), [][]byte{good, other.CRL(t, none, none)}, []string{
			`crl[1]: 1.crl: revocation list 1 is from "CN=other", which is not in trusted_ca | add that CA's certificate to trusted_ca or remove the list`,
		}},
		{"forged list", ca.PEM(), [][]byte{append(bytes.Clone(good), impostor.CRL(t, none, none)...)}, []string{
			`crl[0]: 0.crl: revocation list 2 names the issuer "CN=test root", whose key did not sign it | is it the list of an older key of the same CA?`,
		}},
		{"expired list", ca.PEM(), [][]byte{ca.CRL(t, none, past)}, []string{
			"crl[0]: 0.crl: the revocation list of test root expired on 2026-06-15 11:00 UTC | fetch the CA's current list",
		}},
		{"expired list beside its successor", ca.PEM(), [][]byte{ca.CRL(t, testNow.Add(-time.Minute), none), ca.CRL(t, none, past)}, nil},
		{"list from the future", ca.PEM(), [][]byte{ca.CRL(t, testNow.Add(time.Hour), none)}, []string{
			"crl[0]: 0.crl: the revocation list of test root is from the future, 2026-06-15 13:00 UTC | is this machine's clock right?",
		}},
		{"partial list", ca.PEM(), [][]byte{partialCRL(t, ca), good}, []string{
			"crl[0]: 0.crl: revocation list 1 covers only a part of its issuer's certificates (critical extension 2.5.29.28) | ask the CA for its complete list",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{t: t, dir: t.TempDir()}
			f := Files{Purpose: ForClient, TrustedCA: b.file("ca.crt", tt.ca)}
			for i, data := range tt.crls {
				f.CRLs = append(f.CRLs, b.file(string(rune('0'+i))+".crl", data))
			}
			wantProblems(t, b.dir, f, tt.want...)
		})
	}
	t.Run("list without CA", func(t *testing.T) {
		wantProblems(t, "", Files{Purpose: ForClient, CRLs: []string{"x.crl"}},
			"crl[0]: x.crl: a revocation list is of use only with the CA that signed it | set trusted_ca at the same level")
	})
}

func derOf(t *testing.T, data []byte) []byte {
	t.Helper()
	b, _ := pem.Decode(data)
	if b == nil {
		t.Fatal("no PEM block")
	}
	return b.Bytes
}

// partialCRL returns a list with an issuing distribution point, which covers only some certificates.
func partialCRL(t *testing.T, ca *testpki.CA) []byte {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: testNow.Add(-time.Hour), NextUpdate: testNow.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}},
	}, ca.Certificate, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pemBlock("X509 CRL", der)
}

func TestFingerprint(t *testing.T) {
	ca, other := testpki.New(t), testpki.New(t)
	leaf := ca.Client(t, "c")
	load := func(ca []byte, crls ...[]byte) [32]byte {
		b := bench{t: t, dir: t.TempDir()}
		f := Files{Purpose: ForClient, TrustedCA: b.file("ca.crt", ca)}
		for _, data := range crls {
			f.CRLs = append(f.CRLs, b.file("x.crl", data))
		}
		return mustLoad(t, f).Trust.Fingerprint
	}
	none, list := time.Time{}, ca.CRL(t, time.Time{}, time.Time{})
	seen := map[[32]byte]string{}
	for name, fingerprint := range map[string][32]byte{
		"CA":           load(ca.PEM()),
		"another CA":   load(other.PEM()),
		"both":         load(append(ca.PEM(), other.PEM()...)),
		"list":         load(ca.PEM(), list),
		"another list": load(ca.PEM(), ca.CRL(t, none, none, leaf)),
	} {
		if seen[fingerprint] != "" {
			t.Errorf("%s has the fingerprint of %s", name, seen[fingerprint])
		}
		seen[fingerprint] = name
	}
	if load(append([]byte("# a comment\n"), ca.PEM()...), append(list, "\n\n"...)) != load(ca.PEM(), list) {
		t.Error("a comment changes the fingerprint")
	}
}

// A self-signed server certificate serves as its own trust, as it does for other clients, but cannot vouch for others.
func TestSelfSignedIsTrustedForItself(t *testing.T) {
	server := testpki.NewNamed(t, "self", testpki.Options{}).Server(t, "a.example.com")
	ca := testpki.New(t)
	template := *server.Certificate
	template.Issuer, template.AuthorityKeyId = template.Subject, nil
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, server.Key.Public(), server.Key)
	if err != nil {
		t.Fatal(err)
	}
	b := bench{t: t, dir: t.TempDir(), ca: ca}
	file := b.file("self.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	creds := mustLoad(t, Files{Purpose: ForClient, TrustedCA: file})
	var r Resumption
	client := r.Client("u", Client{ServerName: "a.example.com", Trust: creds.Trust})
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: server.Key}
	if o := shake(t, &tls.Config{Certificates: []tls.Certificate{own}}, client); o.clientErr != nil {
		t.Errorf("the certificate itself: %v", o.clientErr)
	}
	other := ca.Server(t, "a.example.com")
	if o := shake(t, &tls.Config{Certificates: []tls.Certificate{other.TLS()}}, client); o.clientErr == nil {
		t.Error("another certificate was accepted")
	}
}
