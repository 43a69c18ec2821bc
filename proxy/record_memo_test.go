package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
)

// TestCertificateText: what is remembered is that of this certificate and no other.
func TestCertificateText(t *testing.T) {
	a := &x509.Certificate{Subject: pkix.Name{CommonName: "a"}, SerialNumber: big.NewInt(255)}
	b := &x509.Certificate{Subject: pkix.Name{CommonName: "b\u009b"}, SerialNumber: big.NewInt(1)}
	var memo certificateText
	for _, step := range []struct {
		leaf *x509.Certificate
		want string
	}{
		{a, "CN=a serial=ff"}, {a, "CN=a serial=ff"}, {b, "CN=b\ufffd serial=1"}, {a, "CN=a serial=ff"},
	} {
		if got := memo.of(step.leaf); got != step.want {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}

// TestCipherSuiteName: the names are those of crypto/tls, also of suites that it does not know.
func TestCipherSuiteName(t *testing.T) {
	for _, id := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 0xfafa} {
		if got, want := cipherSuiteName(id), tls.CipherSuiteName(id); got != want {
			t.Errorf("%#x is %s, want %s", id, got, want)
		}
	}
}
