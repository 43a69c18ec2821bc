package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
	"sallyport/policy"
)

// revokedError is what a certificate check says of a revoked certificate.
type revokedError struct{}

func (revokedError) Error() string { return "revoked" }
func (revokedError) Revoked() bool { return true }

// noListError is what certs says where no list tells.
type noListError struct{}

func (noListError) Error() string { return "no list" }
func (noListError) Revoked() bool { return false }

// refusals are handshakes that fail at the server; it tells the client why in an alert.
var refusals = []struct {
	name    string
	version uint16 // 0: both
	server  func(r *rig)
	client  func(r *rig, c *tls.Config)
	reason  policy.Reason
	alert   string // as crypto/tls words it; a second one is that of TLS 1.3
}{
	{
		name: "version too old", version: tls.VersionTLS12,
		client: func(r *rig, c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		reason: policy.VersionMismatch, alert: "protocol version not supported",
	},
	{
		name: "version too old for a modern port", version: tls.VersionTLS13,
		client: func(r *rig, c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		reason: policy.VersionMismatch, alert: "protocol version not supported",
	},
	{
		name: "no cipher suite in common", version: tls.VersionTLS12,
		server: func(r *rig) { r.port.TLS.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384} },
		client: func(r *rig, c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		},
		reason: policy.CipherMismatch, alert: "handshake failure",
	},
	{
		name:   "no group in common",
		server: func(r *rig) { r.port.TLS.CurvePreferences = []tls.CurveID{tls.CurveP384} },
		client: func(r *rig, c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} },
		reason: policy.CipherMismatch, alert: "handshake failure",
	},
	{
		name:   "no protocol in common",
		server: func(r *rig) { r.port.TLS.NextProtos = []string{"imap"} },
		client: func(r *rig, c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} },
		reason: policy.ALPNMismatch, alert: "no application protocol",
	},
	{
		name: "no certificate", server: mutual,
		reason: policy.ClientCertMissing, alert: "handshake failure|certificate required",
	},
	{
		name: "certificate of another CA", server: mutual,
		client: func(r *rig, c *tls.Config) { c.Certificates = certificates(testpki.New(r).Client(r, "stranger")) },
		reason: policy.ClientCertUnknown, alert: "unknown certificate authority",
	},
	{
		name: "expired certificate", server: mutual,
		client: func(r *rig, c *tls.Config) {
			c.Certificates = certificates(r.ca.Issue(r, testpki.Options{NotAfter: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}))
		},
		reason: policy.ClientCertExpired, alert: "expired certificate",
	},
	{
		name: "certificate of tomorrow", server: mutual,
		client: func(r *rig, c *tls.Config) {
			c.Certificates = certificates(r.ca.Issue(r, testpki.Options{NotBefore: time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC)}))
		},
		reason: policy.ClientCertExpired, alert: "expired certificate",
	},
	{
		name: "certificate for servers", server: mutual,
		client: func(r *rig, c *tls.Config) { c.Certificates = certificates(r.ca.Server(r, "localhost")) },
		reason: policy.ClientCertInvalid, alert: "bad certificate",
	},
	{
		name: "damaged certificate", server: mutual,
		client: func(r *rig, c *tls.Config) {
			damaged := r.ca.Client(r, "client").TLS()
			damaged.Certificate = [][]byte{[]byte("no certificate")}
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &damaged, nil }
		},
		reason: policy.ClientCertInvalid, alert: "error decoding message",
	},
	{
		name: "certificate of somebody else", server: mutual,
		client: func(r *rig, c *tls.Config) {
			stolen := r.ca.Client(r, "client").TLS()
			stolen.PrivateKey = r.ca.Client(r, "thief").Key
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stolen, nil }
		},
		reason: policy.ClientCertInvalid, alert: "error decrypting message",
	},
	{
		name: "revoked certificate",
		server: func(r *rig) {
			mutual(r)
			r.port.TLS.VerifyConnection = func(tls.ConnectionState) error { return fmt.Errorf("client: %w", revokedError{}) }
		},
		client: trusted,
		reason: policy.ClientCertRevoked, alert: "bad certificate",
	},
	{
		name: "no current revocation list",
		server: func(r *rig) {
			mutual(r)
			r.port.TLS.VerifyConnection = func(tls.ConnectionState) error { return fmt.Errorf("client: %w", noListError{}) }
		},
		client: trusted,
		reason: policy.ClientCertNoList, alert: "bad certificate",
	},
	{
		name: "refused for a reason of its own",
		server: func(r *rig) {
			mutual(r)
			r.port.TLS.VerifyConnection = func(tls.ConnectionState) error { return errors.New("some reason") }
		},
		client: trusted,
		reason: policy.HandshakeFailed, alert: "bad certificate",
	},
	{
		name: "no certificate to serve",
		server: func(r *rig) {
			r.port.TLS.Certificates = nil
			r.port.TLS.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }
		},
		reason: policy.HandshakeFailed, alert: "internal error",
	},
}

func mutual(r *rig) { r.port.TLS.ClientAuth = tls.RequireAndVerifyClientCert }

func trusted(r *rig, c *tls.Config) { c.Certificates = certificates(r.ca.Client(r, "client")) }

func certificates(leaf *testpki.Leaf) []tls.Certificate { return []tls.Certificate{leaf.TLS()} }

func TestHandshakeRefused(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				if tt.version != 0 && tt.version != version {
					return
				}
				r := newRig(t, unreachable(t)).secure(version)
				if tt.server != nil {
					tt.server(r)
				}
				r.start()
				config := r.clientConfig()
				if tt.client != nil {
					tt.client(r, config)
				}
				conn := tls.Client(r.dial(), config)
				// What a client says in the meantime must not cost it the alert.
				if err := conn.Handshake(); err == nil {
					conn.Write(noise(1, 100<<10))
				}
				_, err := conn.Read(make([]byte, 1))
				alerts := strings.Split(tt.alert, "|")
				if alert := alerts[min(len(alerts), int(version)-tls.VersionTLS12+1)-1]; err == nil || err.Error() != "remote error: tls: "+alert {
					t.Errorf("the client is told %v, want the alert %q", err, alert)
				}
				wantNothingMore(t, conn.NetConn())
				r.wantRecord(KeyVerdict, "deny", KeyReason, tt.reason, KeyCloseReason, tt.reason, KeyClosedBy, Proxy, KeyMode, "tls", KeyBytesIn, 0)
			})
		})
	}
}

// unreachable is an upstream that nobody may reach.
func unreachable(t *testing.T) func(net.Conn) {
	return func(net.Conn) { t.Error("the upstream was dialled") }
}

// wantNothingMore expects an orderly end: no close_notify behind an alert, and no reset.
func wantNothingMore(t *testing.T, conn net.Conn) {
	t.Helper()
	halfClose(conn)
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
		t.Errorf("behind the alert come % x, %v, want nothing", rest, err)
	}
}

// TestHandshakeEndedByClient: the client is who ends these.
func TestHandshakeEndedByClient(t *testing.T) {
	clients := map[string]struct {
		reason policy.Reason
		client func(r *rig)
	}{
		"distrusts the CA": {policy.HandshakeAlert, func(r *rig) {
			r.tryTLS(testpki.New(r).ClientConfig("localhost", nil))
		}},
		"expects another name": {policy.HandshakeAlert, func(r *rig) {
			r.tryTLS(r.ca.ClientConfig("another.example", nil))
		}},
		"closes without a byte": {policy.HandshakeClosed, func(r *rig) { r.dial().Close() }},
		"resets":                {policy.HandshakeClosed, func(r *rig) { abort(r.dial()) }},
		"closes in a header": {policy.HandshakeClosed, func(r *rig) {
			conn := r.dial()
			conn.Write([]byte{22, 3})
			conn.Close()
		}},
		"closes in the hello": {policy.HandshakeClosed, func(r *rig) {
			conn := r.dial()
			conn.Write(hello(r, r.clientConfig())[:200])
			conn.Close()
		}},
		"closes behind the hello": {policy.HandshakeClosed, func(r *rig) {
			conn := r.dial()
			conn.Write(hello(r, r.clientConfig()))
			conn.Read(make([]byte, 100))
			conn.Close()
		}},
		"says goodbye": {policy.HandshakeClosed, func(r *rig) {
			conn := r.dial()
			conn.Write([]byte{21, 3, 3, 0, 2, 1, 0})
			io.Copy(io.Discard, conn)
		}},
	}
	for name, tt := range clients {
		t.Run(name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, version uint16) {
				r := newRig(t, unreachable(t)).secure(version).start()
				tt.client(r)
				r.wantRecord(KeyReason, tt.reason, KeyClosedBy, Client, KeyVerdict, "deny")
				r.wantNoRecord()
			})
		})
	}
}

func TestHandshakePanic(t *testing.T) {
	r := newRig(t, unreachable(t)).secure(0)
	r.port.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("defect") }
	r.start()
	if err := r.tryTLS(r.clientConfig()); err == nil {
		t.Error("a client came through")
	}
	record := r.wantRecord(KeyReason, policy.InternalError, KeyVerdict, "deny", KeyClosedBy, Proxy)
	if text, _ := record[KeyError].(string); !strings.Contains(text, "defect") {
		t.Errorf("the record does not name the panic: %q", text)
	}
}
