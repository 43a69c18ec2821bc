//go:build integration

package integration

import (
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// spoken is what became of one run of openssl s_client.
type spoken struct {
	out    string
	echoed bool // the line that was sent came back
	code   int
}

// sClient connects, sends a line, waits for its echo or the end of the program, and closes its side.
func sClient(t *testing.T, address string, args ...string) spoken {
	t.Helper()
	const line = "the line that comes back"
	cmd := exec.Command(need(t, "openssl"), plus([]string{"s_client", "-connect", address, "-verify_return_error"}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cmd)
	io.WriteString(stdin, line+"\n") // fails if the program ended, which shows below
	seen := 0
	deadline := time.After(patience)
	for {
		lines, changed := p.out.since(seen)
		seen += len(lines)
		// What s_client prints about tickets may stand before it on the same line.
		if slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, line) }) {
			stdin.Close()
			code := p.wait(t)
			return spoken{out: p.out.String(), echoed: true, code: code}
		}
		select {
		case <-changed:
		case <-p.exited:
			return spoken{out: p.out.String(), code: p.wait(t)}
		case <-deadline:
			t.Fatalf("openssl s_client %v neither got its line back nor ended", args)
		}
	}
}

// opensslPKI is what the ports of opensslConfig know, and what they must not.
type opensslPKI struct {
	ca, other             *authority
	ecdsa, rsa, sni, star pair
	crl                   string
	good, expired         pair
	revoked, stranger     pair
}

func newOpensslPKI(t *testing.T) opensslPKI {
	t.Helper()
	k := opensslPKI{ca: newAuthority(t, "good CA"), other: newAuthority(t, "other CA")}
	k.ecdsa, k.rsa = k.ca.server(t), k.ca.rsa(t)
	k.sni, k.star = k.ca.server(t, "one.example.com"), k.ca.server(t, "*.cti.example.com")
	k.good, k.expired, k.revoked = k.ca.client(t, "good client"), k.ca.expired(t, "late client"), k.ca.client(t, "revoked client")
	k.stranger = k.other.client(t, "stranger")
	k.crl = k.ca.revoke(t, k.revoked)
	return k
}

// startOpensslPorts runs sallyport in front of its own echo, with a port for each thing to try.
func startOpensslPorts(t *testing.T, k opensslPKI) (*sallyport, vars) {
	t.Helper()
	values := vars{
		"ca": k.ca.file, "crl": k.crl,
		"ecdsa": k.ecdsa.certificate, "ecdsa_key": k.ecdsa.key, "rsa": k.rsa.certificate, "rsa_key": k.rsa.key,
		"sni": k.sni.certificate, "sni_key": k.sni.key, "star": k.star.certificate, "star_key": k.star.key,
		"plain": freeAddress(t), "mutual": freeAddress(t), "modern": freeAddress(t), "both": freeAddress(t), "alpn": freeAddress(t),
	}
	s := startSallyport(t, expand(t, `
[host]
certificate     = "${ecdsa}"
certificate_key = "${ecdsa_key}"
trusted_ca      = "${ca}"
crl             = "${crl}"

[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"

  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "secure"
    [[application.port.sni]]
    names = ["one.example.com"]
    certificate     = "${sni}"
    certificate_key = "${sni_key}"
    [[application.port.sni]]
    names = ["*.cti.example.com"]
    certificate     = "${star}"
    certificate_key = "${star_key}"

  [[application.port]]
  id     = "mutual"
  listen = "${mutual}"
  mode   = "secure"
  client_auth = "require"

  [[application.port]]
  id     = "modern"
  listen = "${modern}"
  mode   = "secure"
  tls_profile = "modern"

  [[application.port]]
  id     = "both"
  listen = "${both}"
  mode   = "secure"
  certificate     = ["${rsa}", "${ecdsa}"]
  certificate_key = ["${rsa_key}", "${ecdsa_key}"]

  [[application.port]]
  id     = "alpn"
  listen = "${alpn}"
  mode   = "secure"
  alpn   = ["imap", "postgresql"]
`, values))
	return s, values
}

func TestOpenssl(t *testing.T) {
	k := newOpensslPKI(t)
	s, at := startOpensslPorts(t, k)
	trust := []string{"-CAfile", k.ca.file}
	localhost := plus(trust, "-servername", "localhost", "-verify_hostname", "localhost")
	with := func(p pair, args ...string) []string {
		return slices.Concat(localhost, args, []string{"-cert", p.certificate, "-key", p.key})
	}
	const suite = "ECDHE-RSA-AES128-GCM-SHA256"
	tests := []struct {
		name string
		port string
		args []string
		out  string // in what the client prints
		want fields // of the record; allowed without a reason
	}{
		{"TLS 1.2", "plain", plus(localhost, "-tls1_2"), "Protocol  : TLSv1.2", fields{keyVersion: tls12, keyCipher: containing("ECDHE_ECDSA")}},
		{"TLS 1.3", "plain", plus(localhost, "-tls1_3"), "TLSv1.3", fields{keyVersion: tls13, keySNI: "localhost", keyGroup: present}},
		{"TLS 1.1", "plain", plus(localhost, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "", fields{keyReason: "version_mismatch"}},
		{"TLS 1.2 on a modern port", "modern", plus(localhost, "-tls1_2"), "", fields{keyReason: "version_mismatch"}},
		{"TLS 1.3 on a modern port", "modern", localhost, "TLSv1.3", fields{keyVersion: tls13}},
		{"CBC suites", "plain", plus(localhost, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"), "", fields{keyReason: "cipher_mismatch"}},

		{"wrong CA at the client", "plain", []string{"-CAfile", k.other.file}, "verify error", fields{keyReason: "handshake_alert"}},
		{"wrong name at the client", "plain", plus(trust, "-verify_hostname", "other.example.com"), "hostname mismatch", fields{keyReason: "handshake_alert"}},

		{"client certificate", "mutual", with(k.good), "", fields{keySubject: containing("good client")}},
		{"client certificate, TLS 1.2", "mutual", with(k.good, "-tls1_2"), "", fields{keySubject: containing("good client"), keyVersion: tls12}},
		{"no client certificate", "mutual", localhost, "", fields{keyReason: "client_cert_missing"}},
		{"no client certificate, TLS 1.2", "mutual", plus(localhost, "-tls1_2"), "", fields{keyReason: "client_cert_missing"}},
		{"client certificate of another CA", "mutual", with(k.stranger), "", fields{keyReason: "client_cert_unknown_ca"}},
		{"expired client certificate", "mutual", with(k.expired), "", fields{keyReason: "client_cert_expired"}},
		{"revoked client certificate", "mutual", with(k.revoked), "", fields{keyReason: "client_cert_revoked"}},

		{"exact server name", "plain", plus(trust, "-servername", "one.example.com", "-verify_hostname", "one.example.com"), "", fields{keySNI: "one.example.com", keyCertificate: containing("one.example.com")}},
		{"wildcard server name", "plain", plus(trust, "-servername", "a.cti.example.com", "-verify_hostname", "a.cti.example.com"), "", fields{keyCertificate: containing("*.cti.example.com")}},
		{"no server name", "plain", plus(trust, "-noservername", "-verify_ip", "127.0.0.1"), "", fields{keySNI: "", keyCertificate: containing("localhost")}},
		{"unknown server name", "plain", plus(trust, "-servername", "no.example.com"), "", fields{keyCertificate: containing("localhost")}},

		{"RSA by signature algorithm", "both", plus(localhost, "-sigalgs", "rsa_pss_rsae_sha256"), "Peer signature type: RSA-PSS", nil},
		{"ECDSA by signature algorithm", "both", plus(localhost, "-sigalgs", "ecdsa_secp256r1_sha256"), "Peer signature type: ECDSA", nil},
		{"RSA by suite", "both", plus(localhost, "-tls1_2", "-cipher", suite), suite, fields{keyCipher: containing("ECDHE_RSA")}},
		{"ECDSA by suite", "both", plus(localhost, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "ECDHE-ECDSA", fields{keyCipher: containing("ECDHE_ECDSA")}},
		{"RSA where there is only ECDSA", "plain", plus(localhost, "-tls1_2", "-cipher", suite), "", fields{keyReason: "cipher_mismatch"}},

		{"ALPN", "alpn", plus(localhost, "-alpn", "h2,postgresql"), "ALPN protocol: postgresql", fields{keyALPN: "postgresql"}},
		{"ALPN in the server's order", "alpn", plus(localhost, "-alpn", "postgresql,imap"), "ALPN protocol: imap", fields{keyALPN: "imap"}},
		{"ALPN without a common protocol", "alpn", plus(localhost, "-alpn", "h2"), "", fields{keyReason: "alpn_mismatch"}},
		{"ALPN not asked for", "alpn", localhost, "No ALPN negotiated", fields{keyALPN: ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := sClient(t, at[test.port], test.args...)
			_, refused := test.want[keyReason]
			if got.echoed == refused {
				t.Errorf("the line came back: %v, refused: %v\n%s", got.echoed, refused, got.out)
			}
			if refused && got.code == 0 {
				t.Errorf("exit code 0 of a client that was to be refused\n%s", got.out)
			}
			if !strings.Contains(got.out, test.out) {
				t.Errorf("the client does not say %q:\n%s", test.out, got.out)
			}
			want := fields{keyPort: test.port, keyVerdict: verdictAllow, keyCloseReason: "end_of_stream"}
			if refused {
				want = fields{keyPort: test.port, keyVerdict: verdictDeny, keyUpstreamLocal: ""}
			}
			for key, value := range test.want {
				want[key] = value
			}
			s.wantRecord(t, want)
		})
	}
}

func TestOpensslResumption(t *testing.T) {
	k := newOpensslPKI(t)
	s, at := startOpensslPorts(t, k)
	localhost := []string{"-CAfile", k.ca.file, "-servername", "localhost", "-cert", k.good.certificate, "-key", k.good.key}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		t.Run(version, func(t *testing.T) {
			ticket := filepath.Join(t.TempDir(), "session.pem")
			args := plus(localhost, version)
			first := sClient(t, at["mutual"], plus(args, "-sess_out", ticket)...)
			if !first.echoed || !strings.Contains(first.out, "\nNew, ") {
				t.Fatalf("first session:\n%s", first.out)
			}
			s.wantRecord(t, fields{keyPort: "mutual", keyResumed: "false", keyVerdict: verdictAllow})
			second := sClient(t, at["mutual"], plus(args, "-sess_in", ticket)...)
			if !second.echoed || !strings.Contains(second.out, "\nReused, ") {
				t.Errorf("second session:\n%s", second.out)
			}
			// Whom the ticket was made for is known, though no certificate was sent.
			s.wantRecord(t, fields{keyPort: "mutual", keyResumed: "true", keyVerdict: verdictAllow, keySubject: containing("good client")})

			// A ticket of one port opens no other.
			elsewhere := sClient(t, at["plain"], plus(args, "-sess_in", ticket)...)
			if strings.Contains(elsewhere.out, "\nReused, ") {
				t.Errorf("a ticket crossed ports:\n%s", elsewhere.out)
			}
			s.wantRecord(t, fields{keyPort: "plain", keyResumed: "false", keyVerdict: verdictAllow})
		})
	}
}
