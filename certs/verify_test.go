package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

func TestClientAuthentication(t *testing.T) {
	ca, other := testpki.New(t), testpki.New(t)
	good := ca.Client(t, "good")
	tests := []struct {
		name   string
		auth   ClientAuth
		client *testpki.Leaf
		ok     bool
	}{
		{"none, without", AuthNone, nil, true},
		{"none, with", AuthNone, good, true},
		{"request, without", AuthRequest, nil, true},
		{"request, with", AuthRequest, good, true},
		{"request, with a stranger's", AuthRequest, other.Client(t, "x"), false},
		{"require, without", AuthRequire, nil, false},
		{"require, with", AuthRequire, good, true},
		{"require, with a stranger's", AuthRequire, other.Client(t, "x"), false},
		{"require, with a server's", AuthRequire, ca.Server(t, "x"), false},
		{"require, expired", AuthRequire, ca.Issue(t, testpki.Options{NotAfter: testNow.Add(-time.Hour)}), false},
	}
	bothVersions(t, func(t *testing.T, w *world) {
		w.ca = ca
		credentials := w.credentials(ca.PEM())
		for _, tt := range tests {
			client := ca.ClientConfig("a.example.com", nil)
			client.MaxVersion = w.version
			if tt.client != nil { // sent whatever the server asks for
				certificate := tt.client.TLS()
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
			}
			o := shake(t, w.r.Server("p", Server{Default: credentials, ClientAuth: tt.auth, Tickets: true}), client)
			if ok := o.serverErr == nil; ok != tt.ok {
				t.Errorf("%s: server: %v", tt.name, o.serverErr)
			}
		}
	})
}

// With a nil pool crypto/tls verifies clients against the system's roots: whoever has a public
// certificate would be in.
func TestNoTrustRefusesEverybody(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		without := &Credentials{Certificates: w.server.Default.Certificates}
		for _, auth := range []ClientAuth{AuthRequest, AuthRequire} {
			for _, client := range []*testpki.Leaf{nil, w.leaf} {
				config := w.r.Server("p", Server{Default: without, ClientAuth: auth, Tickets: true})
				if config.ClientCAs == nil {
					t.Error("nil ClientCAs")
				}
				c := w.ca.ClientConfig("a.example.com", client)
				c.MaxVersion = w.version
				if o := shake(t, config, c); o.serverErr == nil {
					t.Errorf("%s: a client got in", auth)
				}
			}
		}
	})
}

func TestRevocation(t *testing.T) {
	root := testpki.New(t)
	mid := root.Intermediate(t, "mid", testpki.Options{})
	none := time.Time{}
	byRoot, byMid := root.Client(t, "by root"), mid.Client(t, "by mid")
	midLeaf := &testpki.Leaf{Certificate: mid.Certificate}
	both := append(root.PEM(), mid.PEM()...)
	tests := []struct {
		name   string
		ca     []byte
		crls   [][]byte
		client *testpki.Leaf
		want   string // the error's text; empty: let in
	}{
		{"no lists", root.PEM(), nil, byRoot, ""},
		{"clean", root.PEM(), [][]byte{root.CRL(t, none, none, byMid)}, byRoot, ""},
		{"revoked", root.PEM(), [][]byte{root.CRL(t, none, none, byRoot)}, byRoot, "revoked by test root"},
		{"issuer without a list", root.PEM(), [][]byte{root.CRL(t, none, none)}, byMid, "no revocation list of its issuer mid is configured"},
		{"list of an intermediate", both, [][]byte{mid.CRL(t, none, none)}, byMid, ""},
		{"revoked by an intermediate", both, [][]byte{mid.CRL(t, none, none, byMid)}, byMid, "revoked by mid"},
		{"revoked intermediate", both, [][]byte{append(mid.CRL(t, none, none), root.CRL(t, none, none, midLeaf)...)}, byMid, "revoked by test root"},
		{"released by a newer list", root.PEM(), [][]byte{root.CRL(t, testNow.Add(-time.Hour), none), root.CRL(t, none, none, byRoot)}, byRoot, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bothVersions(t, func(t *testing.T, w *world) {
				w.ca = root
				s := Server{Default: w.credentials(tt.ca, tt.crls...), ClientAuth: AuthRequire}
				for _, chain := range [][]*x509.Certificate{tt.client.Chain, tt.client.Chain[:1]} {
					if len(tt.ca) != len(both) {
						chain = tt.client.Chain
					}
					// Whether or not the client sends the intermediate that the file holds too.
					client := root.ClientConfig("a.example.com", &testpki.Leaf{Certificate: tt.client.Certificate, Key: tt.client.Key, Chain: chain})
					client.MaxVersion = w.version
					err := shake(t, w.r.Server("p", s), client).serverErr
					var revoked *RevocationError
					unknown := !strings.HasPrefix(tt.want, "revoked")
					if got := errors.As(err, &revoked); got && revoked.Revoked() == unknown || tt.want == "" && err != nil || got != (tt.want != "") || got && revoked.Problem != tt.want {
						t.Errorf("server: %v, want %q", err, tt.want)
					}
				}
			})
		})
	}
}

func TestClient(t *testing.T) {
	ca := testpki.New(t)
	server := ca.Server(t, "a.example.com", "127.0.0.1")
	b := bench{t: t, dir: t.TempDir(), ca: ca}
	cert, key := ca.Client(t, "client").Write(t, b.dir, "client")
	load := func(crls ...[]byte) *Credentials {
		f := Files{Purpose: ForClient, Certificates: []string{cert}, Keys: []string{key}, TrustedCA: b.file("ca.crt", ca.PEM())}
		for _, data := range crls {
			f.CRLs = append(f.CRLs, b.file("x.crl", data))
		}
		return mustLoad(t, f)
	}
	own := load()
	tests := []struct {
		name   string
		client Client
		want   string
	}{
		{"good", Client{ServerName: "a.example.com", Trust: own.Trust}, ""},
		{"trailing dot", Client{ServerName: "a.example.com.", Trust: own.Trust}, ""},
		{"address", Client{ServerName: "127.0.0.1", Trust: own.Trust}, ""},
		{"other name", Client{ServerName: "b.example.com", Trust: own.Trust}, "tls: failed to verify certificate: x509: certificate is valid for a.example.com, not b.example.com"},
		{"no name", Client{Trust: own.Trust}, "tls: either ServerName or InsecureSkipVerify must be specified in the tls.Config"},
		{"system roots", Client{ServerName: "a.example.com"}, "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"clean list", Client{ServerName: "a.example.com", Trust: load(ca.CRL(t, time.Time{}, time.Time{})).Trust}, ""},
		{"revoked", Client{ServerName: "a.example.com", Trust: load(ca.CRL(t, time.Time{}, time.Time{}, server)).Trust},
			"certificate not accepted: revoked by test root"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Resumption
			o := shake(t, &tls.Config{Certificates: []tls.Certificate{server.TLS()}}, r.Client("u", tt.client))
			got := ""
			if o.clientErr != nil {
				got = o.clientErr.Error()
			}
			if got != tt.want {
				t.Errorf("client: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClientResumption(t *testing.T) {
	bothVersions(t, func(t *testing.T, w *world) {
		b := bench{t: t, dir: t.TempDir(), ca: w.ca}
		cert, key := w.leaf.Write(t, b.dir, "client")
		load := func(extra ...byte) *Credentials {
			return mustLoad(t, Files{Purpose: ForClient, Certificates: []string{cert}, Keys: []string{key}, TrustedCA: b.file("ca.crt", w.ca.PEM(), extra)})
		}
		server := w.r.Server("p", w.server)
		server.MaxVersion = w.version
		first := load()
		c := Client{ServerName: "a.example.com", Trust: first.Trust, Certificates: first.Certificates}
		connect := func(upstream string, c Client) bool {
			t.Helper()
			o := shake(t, server, w.r.Client(upstream, c))
			if o.clientErr != nil {
				t.Fatal(o.clientErr)
			}
			return o.client.DidResume
		}
		connect("u", c)
		if again := load('\n'); !connect("u", Client{ServerName: "a.example.com", Trust: again.Trust, Certificates: again.Certificates}) {
			t.Error("an unchanged reload lost the sessions")
		}
		if connect("v", c) {
			t.Error("sessions crossed upstreams")
		}
		c.ServerName = "b.example.com"
		if connect("u", c) {
			t.Error("sessions crossed server names")
		}
		c.ServerName = "a.example.com"
		c.Trust = load(testpki.New(t).PEM()...).Trust
		if connect("u", c) {
			t.Error("sessions crossed trusts")
		}
		w.ca.Client(t, "another").Write(t, b.dir, "client")
		c.Trust, c.Certificates = first.Trust, load().Certificates
		if connect("u", c) {
			t.Error("sessions crossed client certificates")
		}
	})
}

// crypto/tls looks at most of this itself on resumption; what it looks at has changed between releases.
func TestVerifyPeerLooksAtTheClock(t *testing.T) {
	root := testpki.New(t)
	end := testNow.Add(time.Hour)
	mid := root.Intermediate(t, "mid", testpki.Options{NotAfter: end})
	trust := newTrust([]*x509.Certificate{root.Certificate}, nil)
	long, short := mid.Client(t, "long"), root.Issue(t, testpki.Options{NotAfter: end})
	straight := []*x509.Certificate{long.Certificate, root.Certificate} // as if cross-signed
	state := func(chains ...[]*x509.Certificate) tls.ConnectionState {
		return tls.ConnectionState{PeerCertificates: chains[0][:1], VerifiedChains: chains}
	}
	whole := append(long.Chain, root.Certificate)
	for _, tt := range []struct {
		name  string
		state tls.ConnectionState
		ok    bool // an hour later
	}{
		{"leaf expires", state(append(short.Chain, root.Certificate)), false},
		{"intermediate expires", state(whole), false},
		{"another chain does not", state(whole, straight), true},
	} {
		if err := trust.verifyPeer(tt.state, testNow); err != nil {
			t.Errorf("%s: too early: %v", tt.name, err)
		}
		err := trust.verifyPeer(tt.state, end.Add(time.Second))
		var invalid x509.CertificateInvalidError
		if (err == nil) != tt.ok || err != nil && (!errors.As(err, &invalid) || invalid.Reason != x509.Expired) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := trust.verifyPeer(tls.ConnectionState{PeerCertificates: short.Chain}, testNow); err == nil {
		t.Error("a certificate that nobody verified passed")
	}
}
