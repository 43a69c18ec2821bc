package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"go/build"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/policy"
)

// TestStrangersOnSecurePort: what is no TLS, or broken TLS.
func TestStrangersOnSecurePort(t *testing.T) {
	strangers := []struct {
		name   string
		sent   string
		reason policy.Reason
		told   string // hexadecimal: the alert
	}{
		{"HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", policy.NotTLS, ""},
		{"SSH", "SSH-2.0-OpenSSH_9.2p1\r\n", policy.NotTLS, ""},
		{"zeros", strings.Repeat("\x00", 300), policy.NotTLS, ""},
		{"a lot of garbage", strings.Repeat("garbage", 30000), policy.NotTLS, ""},
		{"SSLv2 hello", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + strings.Repeat("x", 40), policy.DetectSSLv2, "15030100020246"},
		{"long SSLv2 hello", "\x81\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + strings.Repeat("x", 300), policy.DetectSSLv2, ""},
		{"high bit and no SSLv2 hello", "\x80\x2e\x05\x00\x02\x00\x15", policy.NotTLS, "15030100020246"},
		{"application data", "\x17\x03\x03\x00\x10" + strings.Repeat("x", 16), policy.NotTLS, ""},
		{"record too long", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 100), policy.HandshakeFailed, "15030100020216"},
		{"record of garbage", "\x16\x03\x01\x00\x10" + strings.Repeat("x", 16), policy.HandshakeFailed, "15030100020250"},
		{"empty records", strings.Repeat("\x16\x03\x01\x00\x00", 40), policy.HandshakeFailed, "1503010002020a"},
		{"a server's hello", "\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03", policy.HandshakeFailed, "15030100020232"},
		{"hello of 16 MiB", "\x16\x03\x01\x00\x10\x01\xff\xff\xff" + strings.Repeat("x", 12), policy.HandshakeFailed, "15030100020250"},
		{"fatal alert", "\x15\x03\x01\x00\x02\x02\x28", policy.HandshakeAlert, ""},
	}
	for _, tt := range strangers {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, unreachable(t)).secure(0).start()
			conn := r.dial()
			conn.Write([]byte(tt.sent))
			halfClose(conn)
			got, err := io.ReadAll(conn)
			if hex.EncodeToString(got) != tt.told || err != nil {
				t.Errorf("the client is told %x and %v, want %s and the end", got, err, tt.told)
			}
			r.wantRecord(KeyReason, tt.reason, KeyVerdict, "deny")
		})
	}
}

// TestAlteredHello drives refusals that no client of this language asks for.
func TestAlteredHello(t *testing.T) {
	schemes := func(alter func(extension []byte)) func([]byte) {
		return func(hello []byte) {
			// The extension's own header, then the list's length, then the first scheme that crypto/tls offers.
			at := bytes.Index(hello, []byte{0x08, 0x04, 0x04, 0x03})
			if at < 6 {
				t.Fatal("no signature algorithms in the hello")
			}
			alter(hello[at-6:])
		}
	}
	hellos := []struct {
		name    string
		version uint16
		alter   func([]byte)
		reason  policy.Reason
	}{
		{"only unknown signature algorithms", tls.VersionTLS13, schemes(unknownSchemes), policy.CipherMismatch},
		{"only unknown signature algorithms", tls.VersionTLS12, schemes(unknownSchemes), policy.CipherMismatch},
		{"no signature algorithms", tls.VersionTLS12, schemes(func(b []byte) { b[0] = 0x7f }), policy.CipherMismatch},
		{"fallback", tls.VersionTLS12, func(b []byte) {
			at := 5 + 4 + 2 + 32 + 1 + int(b[43]) + 2 // the first cipher suite
			b[at], b[at+1] = 0x56, 0x00
		}, policy.VersionMismatch},
		{"compression only", tls.VersionTLS12, func(b []byte) {
			at := 5 + 4 + 2 + 32 + 1 + int(b[43])
			at += 2 + int(b[at])<<8 + int(b[at+1]) // the compression methods
			b[at+1] = 1
		}, policy.HandshakeFailed},
	}
	for _, tt := range hellos {
		t.Run(tt.name+", "+tls.VersionName(tt.version), func(t *testing.T) {
			r := newRig(t, unreachable(t)).secure(0).start()
			config := r.clientConfig()
			config.MinVersion, config.MaxVersion = tt.version, tt.version
			b := hello(t, config)
			tt.alter(b)
			conn := r.dial()
			conn.Write(b)
			halfClose(conn)
			got, err := io.ReadAll(conn)
			if alert := got[max(0, len(got)-7):]; len(alert) != 7 || !bytes.HasPrefix(alert, []byte{21, 3}) || alert[5] != 2 || err != nil {
				t.Errorf("the last that the client is told is % x, then %v, want a fatal alert and the end", alert, err)
			}
			r.wantRecord(KeyReason, tt.reason)
		})
	}
}

// unknownSchemes gives every entry of a signature_algorithms extension a private number.
func unknownSchemes(extension []byte) {
	list := extension[6:][:int(extension[4])<<8|int(extension[5])]
	for i := 0; i < len(list); i += 2 {
		list[i], list[i+1] = 0xfe, byte(i)
	}
}

// TestHandshakeTextsAreCryptoTLS holds the texts that errors are told by against the version that builds.
func TestHandshakeTextsAreCryptoTLS(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(build.Default.GOROOT, "src/crypto/tls/*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the source of crypto/tls is not where it should be: %v", err)
	}
	var source []byte
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, b...)
	}
	for _, known := range handshakeTexts {
		if !bytes.Contains(source, []byte(`"`+known.prefix)) {
			t.Errorf("crypto/tls has no error that begins with %q", known.prefix)
		}
	}
}
