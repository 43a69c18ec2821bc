//go:build integration

package integration

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// The client's own loopback address tells what came through a PROXY header from the address of the balancer, 127.0.0.1.
const clientSource = "127.0.0.9"

const behindBalancer = `
[limits]
header_timeout = "1s"

[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
  [[application.port]]
  id     = "either"
  listen = "${either}"
  mode   = "auto-detect"
  proxy_protocol = "require"
  proxy_trusted  = ["127.0.0.1/32"]
`

// TestHAProxyAsSender puts HAProxy in front: the port learns from its header who connects.
func TestHAProxyAsSender(t *testing.T) {
	ca := newAuthority(t, "balancer CA")
	server, user := ca.server(t), ca.client(t, "alice")
	at := vars{"certificate": server.certificate, "key": server.key, "plain": freeAddress(t), "secure": freeAddress(t), "either": freeAddress(t)}
	s := startSallyport(t, expand(t, behindBalancer, at))

	tests := []struct {
		name      string
		to        string // port of sallyport
		server    string // options of HAProxy's server line
		offload   bool   // HAProxy ends the client's TLS
		clientTLS bool
		source    string // the source address of HAProxy itself
		reason    string // of the refusal
	}{
		{name: "version 1", to: "plain", server: "send-proxy"},
		{name: "version 2", to: "plain", server: "send-proxy-v2"},
		{name: "version 2 with unique id and checksum", to: "plain", server: "send-proxy-v2 proxy-v2-options unique-id,crc32c"},
		{name: "version 2 with TLS facts", to: "plain", server: "send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,unique-id,crc32c", offload: true, clientTLS: true},
		{name: "version 1 before TLS", to: "secure", server: "send-proxy", clientTLS: true},
		{name: "version 2 before TLS", to: "secure", server: "send-proxy-v2 proxy-v2-options unique-id,crc32c", clientTLS: true},
		{name: "version 1, detected plaintext", to: "either", server: "send-proxy"},
		{name: "version 2, detected TLS", to: "either", server: "send-proxy-v2", clientTLS: true},
		{name: "no header", to: "plain", server: "", reason: "header_missing"},
		{name: "untrusted sender", to: "plain", server: "send-proxy-v2", source: "127.0.0.7", reason: "header_untrusted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			front := freeAddress(t)
			bind := "bind " + front
			if test.offload {
				bind += " ssl crt " + pemOf(t, server) + " ca-file " + readable(t, ca.file) + " verify required"
			}
			source := ""
			if test.source != "" {
				source = "  source " + test.source + "\n"
			}
			// In TCP mode HAProxy dials when a client connects, so its readiness probe is a session too, from 127.0.0.1.
			startHAProxy(t, front, "listen l\n  mode tcp\n  retries 0\n  unique-id-format %{+X}o%ci%cp%Ts%rt\n  "+bind+"\n"+source+
				"  server s "+at[test.to]+" "+test.server+"\n")
			var conn net.Conn = dial(t, front, clientSource)
			from := conn.LocalAddr().String()
			if test.clientTLS {
				secured := tls.Client(conn, ca.ClientConfig("localhost", user.Leaf))
				if err := secured.HandshakeContext(t.Context()); err != nil {
					t.Fatal(err)
				}
				conn = secured
			}
			if test.reason != "" {
				conn.Write([]byte("hello\n"))
				if n, err := conn.Read(make([]byte, 100)); err == nil {
					t.Errorf("%d bytes came back", n)
				}
				s.wantRecord(t, fields{keyPort: test.to, keyVerdict: verdictDeny, keyReason: test.reason})
				return
			}
			exchange(t, conn, "hello through the balancer\n")
			conn.Close()
			s.wantRecord(t, fields{
				keyPort: test.to, keyVerdict: verdictAllow, keySource: from, keyPeer: containing("127.0.0.1:"), keyBytesIn: 27, keyBytesOut: 27,
			})
		})
	}
}

// TestHAProxyAsReceiver puts HAProxy behind: it learns from sallyport's header who connects.
func TestHAProxyAsReceiver(t *testing.T) {
	ca := newAuthority(t, "web CA")
	server, user := ca.server(t), ca.client(t, "alice")
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			behind, plain, secure := freeAddress(t), freeAddress(t), freeAddress(t)
			startHAProxy(t, behind, `
frontend f
  mode http
  bind `+behind+` accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port] authority=%[fc_pp_authority] id=%[fc_pp_unique_id]"
`)
			s := startSallyport(t, expand(t, `
[[application]]
name = "web"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "${behind}"
  proxy_protocol = "${version}"
  [[application.port]]
  id     = "http"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "https"
  listen = "${secure}"
  mode   = "secure"
  client_auth = "require"
`, vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "version": version, "behind": behind, "plain": plain, "secure": secure}))

			got := client{}.must(t, need(t, "curl"), "-sS", "--interface", clientSource, "http://"+plain+"/")
			r := s.wantRecord(t, fields{keyPort: "http", keyVerdict: verdictAllow, keySource: containing(clientSource + ":")})
			if want := toldTo(r, version, plain, ""); got != want {
				t.Errorf("HAProxy was told %q, want %q", got, want)
			}
			got = client{}.must(t, need(t, "curl"), "-sS", "--interface", clientSource, "--cacert", ca.file, "--cert", user.certificate,
				"--key", user.key, "https://localhost:"+portOf(t, secure)+"/")
			r = s.wantRecord(t, fields{keyPort: "https", keyVerdict: verdictAllow, keySubject: containing("alice")})
			if want := toldTo(r, version, secure, "localhost"); got != want {
				t.Errorf("HAProxy was told %q, want %q", got, want)
			}
		})
	}
}

// toldTo is what the header says of a session, in HAProxy's words: version 1 has addresses only.
func toldTo(r record, version, destination, authority string) string {
	id := r.text(keyID)
	if version == "v1" {
		id, authority = "", ""
	}
	return r.text(keySource) + " " + destination + " authority=" + authority + " id=" + id
}

// pemOf returns a file with certificate and key, as HAProxy takes it, that its user can read.
func pemOf(t *testing.T, p pair) string {
	t.Helper()
	user := accountOf(t, "haproxy")
	return user.write(t, user.dir(t), "server.pem", string(p.CertPEM())+string(p.KeyPEM(t)))
}

// readable copies a file to where the user of HAProxy can read it.
func readable(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	user := accountOf(t, "haproxy")
	return user.write(t, user.dir(t), filepath.Base(path), string(content))
}
