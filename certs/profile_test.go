package certs

import (
	"crypto/tls"
	"testing"

	"sallyport/internal/testpki"
)

func TestNames(t *testing.T) {
	for _, p := range []Profile{Modern, Intermediate, Legacy} {
		if got, err := ParseProfile(p.String()); err != nil || got != p {
			t.Errorf("ParseProfile(%q) = %v, %v", p, got, err)
		}
	}
	for _, a := range []ClientAuth{AuthNone, AuthRequest, AuthRequire} {
		if got, err := ParseClientAuth(a.String()); err != nil || got != a {
			t.Errorf("ParseClientAuth(%q) = %v, %v", a, got, err)
		}
	}
	if _, err := ParseProfile("old"); err == nil || err.Error() != `unknown TLS profile "old": "modern", "intermediate" or "legacy"` {
		t.Error(err)
	}
	if _, err := ParseClientAuth(""); err == nil || err.Error() != `unknown client authentication "": "none", "request" or "require"` {
		t.Error(err)
	}
}

func TestProfiles(t *testing.T) {
	ca := testpki.New(t)
	b := bench{t: t, dir: t.TempDir(), ca: ca}
	ec, rsa := b.issue(testpki.Options{}), Files{}
	cert, key := ca.Issue(t, testpki.Options{Names: []string{"a.example.com"}, RSA: true}).Write(t, b.dir, "rsa")
	rsa.Certificates, rsa.Keys = []string{cert}, []string{key}
	credentials := map[string]*Credentials{"ec": mustLoad(t, ec), "rsa": mustLoad(t, rsa)}
	type offer struct {
		version uint16
		suite   uint16
		key     string
	}
	v10, v11, v12, v13 := uint16(tls.VersionTLS10), uint16(tls.VersionTLS11), uint16(tls.VersionTLS12), uint16(tls.VersionTLS13)
	tests := []struct {
		offer                        offer
		modern, intermediate, legacy bool
	}{
		{offer{v13, 0, "ec"}, true, true, true},
		{offer{v12, 0, "ec"}, false, true, true},
		{offer{v11, 0, "ec"}, false, false, true},
		{offer{v10, 0, "rsa"}, false, false, true},
		{offer{v12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "rsa"}, false, true, true},
		{offer{v12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "rsa"}, false, true, true},
		{offer{v12, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "rsa"}, false, true, true},
		{offer{v12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ec"}, false, true, true},
		{offer{v12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ec"}, false, true, true},
		{offer{v12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ec"}, false, true, true},
		{offer{v12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ec"}, false, false, true},
		{offer{v12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ec"}, false, false, true},
		{offer{v12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "rsa"}, false, false, true},
		{offer{v12, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "rsa"}, false, false, true},
		{offer{v12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "rsa"}, false, false, true},
		{offer{v12, tls.TLS_RSA_WITH_AES_256_CBC_SHA, "rsa"}, false, false, true},
		{offer{v12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, "rsa"}, false, false, true},
		{offer{v12, tls.TLS_RSA_WITH_RC4_128_SHA, "rsa"}, false, false, false},
	}
	for _, tt := range tests {
		for profile, want := range map[Profile]bool{Modern: tt.modern, Intermediate: tt.intermediate, Legacy: tt.legacy} {
			client := ca.ClientConfig("a.example.com", nil)
			client.MinVersion, client.MaxVersion = tt.offer.version, tt.offer.version
			if tt.offer.suite != 0 {
				client.CipherSuites = []uint16{tt.offer.suite}
			}
			o := shake(t, new(Resumption).Server("p", Server{Default: credentials[tt.offer.key], Profile: profile}), client)
			if ok := o.serverErr == nil; ok != want {
				t.Errorf("%s with %s, %s: %v", profile, tls.VersionName(tt.offer.version), tls.CipherSuiteName(tt.offer.suite), o.serverErr)
			}
		}
	}
	for _, curve := range []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} {
		client := ca.ClientConfig("a.example.com", nil)
		client.CurvePreferences = []tls.CurveID{curve}
		o := shake(t, new(Resumption).Server("p", Server{Default: credentials["ec"]}), client)
		if ok := o.serverErr == nil; ok != (curve != tls.CurveP521) {
			t.Errorf("group %s: %v", curve, o.serverErr)
		}
	}
}

func TestALPN(t *testing.T) {
	ca := testpki.New(t)
	b := bench{t: t, dir: t.TempDir(), ca: ca}
	credentials := mustLoad(t, b.issue(testpki.Options{}))
	for _, tt := range []struct {
		name         string
		offer, serve []string
		want         string
		fails        bool
	}{
		{"agreed", []string{"x", "y"}, []string{"y", "z"}, "y", false},
		{"client has none", nil, []string{"y"}, "", false},
		{"server has none", []string{"x"}, nil, "", false},
		{"nothing in common", []string{"x"}, []string{"y"}, "", true},
	} {
		client := ca.ClientConfig("a.example.com", nil)
		client.NextProtos = tt.offer
		o := shake(t, new(Resumption).Server("p", Server{Default: credentials, ALPN: tt.serve}), client)
		if (o.serverErr != nil) != tt.fails || o.server.NegotiatedProtocol != tt.want {
			t.Errorf("%s: %q, %v", tt.name, o.server.NegotiatedProtocol, o.serverErr)
		}
	}
}
