package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"strings"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"sallyport/policy"
)

func origin(source, destination string) policy.Origin {
	var o policy.Origin
	if source != "" {
		o.Source = netip.MustParseAddrPort(source)
	}
	if destination != "" {
		o.Destination = netip.MustParseAddrPort(destination)
	}
	return o
}

var origins = []struct {
	name                string
	source, destination string // empty: none
	v1                  string
	v2                  string // the two addresses of the header, as the library reads them; empty: none
}{
	{"IPv4", "192.0.2.1:1024", "198.51.100.2:443", "PROXY TCP4 192.0.2.1 198.51.100.2 1024 443\r\n", "192.0.2.1:1024 198.51.100.2:443"},
	{"IPv6", "[2001:db8::1]:65535", "[2001:db8::2]:1", "PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n", "[2001:db8::1]:65535 [2001:db8::2]:1"},
	{"IPv6 with a zone", "[fe80::1%eth0]:7", "[fe80::2%eth0]:8", "PROXY TCP6 fe80::1 fe80::2 7 8\r\n", "[fe80::1]:7 [fe80::2]:8"},
	{"IPv4 to IPv6", "192.0.2.1:1024", "[2001:db8::2]:443", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1024 443\r\n", "192.0.2.1:1024 [2001:db8::2]:443"},
	{"IPv6 to IPv4", "[2001:db8::1]:1024", "192.0.2.2:443", "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1024 443\r\n", "[2001:db8::1]:1024 192.0.2.2:443"},
	{"UNIX", "", "", "PROXY UNKNOWN\r\n", ""},
	{"no source", "", "192.0.2.2:443", "PROXY UNKNOWN\r\n", ""},
	{"no destination", "192.0.2.1:1024", "", "PROXY UNKNOWN\r\n", ""},
}

func TestHeaderV1(t *testing.T) {
	for _, tt := range origins {
		t.Run(tt.name, func(t *testing.T) {
			got, err := formatHeader(HeaderV1, origin(tt.source, tt.destination), "id", &tls.ConnectionState{Version: tls.VersionTLS13})
			if string(got) != tt.v1 || err != nil {
				t.Errorf("header %q, %v, want %q", got, err, tt.v1)
			}
		})
	}
}

func TestHeaderV2(t *testing.T) {
	for _, tt := range origins {
		t.Run(tt.name, func(t *testing.T) {
			h := formatted(t, origin(tt.source, tt.destination), nil)
			got := ""
			if h.SourceAddr != nil {
				got = h.SourceAddr.String() + " " + h.DestinationAddr.String()
			}
			command := proxyproto.PROXY
			if tt.v2 == "" {
				command = proxyproto.LOCAL
			}
			if got != tt.v2 || h.Version != 2 || h.Command != command {
				t.Errorf("header says %q, version %d, command %d, want %q and command %d", got, h.Version, h.Command, tt.v2, command)
			}
			wantSame(t, "TLVs", map[proxyproto.PP2Type]string{proxyproto.PP2_TYPE_UNIQUE_ID: "boot-1"}, plainTLVs(t, h))
		})
	}
}

// formatted returns a v2 header as a receiver reads it.
func formatted(t *testing.T, o policy.Origin, state *tls.ConnectionState) *proxyproto.Header {
	t.Helper()
	b, err := formatHeader(HeaderV2, o, "boot-1", state)
	if err != nil {
		t.Fatal(err)
	}
	rest := bufio.NewReader(bytes.NewReader(b))
	h, err := proxyproto.Read(rest)
	if err != nil {
		t.Fatalf("the library does not read % x: %v", b, err)
	}
	if n := rest.Buffered(); n > 0 {
		t.Errorf("%d bytes behind the header", n)
	}
	return h
}

// plainTLVs returns the TLVs whose value is text.
func plainTLVs(t *testing.T, h *proxyproto.Header) map[proxyproto.PP2Type]string {
	t.Helper()
	tlvs, err := h.TLVs()
	if err != nil {
		t.Fatal(err)
	}
	plain := make(map[proxyproto.PP2Type]string)
	for _, tlv := range tlvs {
		if tlv.Type != proxyproto.PP2_TYPE_SSL {
			plain[tlv.Type] = string(tlv.Value)
		}
	}
	return plain
}

// ssl is what the SSL TLV says.
type ssl struct {
	Client  uint8
	Verify  uint32
	Version string
	Cipher  string
	Name    string
}

func sslOf(t *testing.T, h *proxyproto.Header) ssl {
	t.Helper()
	tlvs, err := h.TLVs()
	if err != nil {
		t.Fatal(err)
	}
	found, ok := tlvparse.FindSSL(tlvs)
	if !ok {
		t.Fatal("no SSL TLV")
	}
	s := ssl{Client: found.Client, Verify: found.Verify}
	s.Version, _ = found.SSLVersion()
	s.Cipher, _ = found.SSLCipher()
	s.Name, _ = found.ClientCN()
	return s
}

func TestHeaderTLS(t *testing.T) {
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "t-server"}}
	nameless := &x509.Certificate{}
	verified := func(state tls.ConnectionState, leaf *x509.Certificate) tls.ConnectionState {
		state.PeerCertificates = []*x509.Certificate{leaf}
		state.VerifiedChains = [][]*x509.Certificate{{leaf}}
		return state
	}
	tls12 := tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	tls13 := tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	resumed := tls13
	resumed.DidResume = true
	unverified := tls13
	unverified.PeerCertificates = []*x509.Certificate{leaf}
	cases := []struct {
		name  string
		state tls.ConnectionState
		want  ssl
	}{
		{"no certificate", tls12, ssl{1, 1, "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ""}},
		{"unverified certificate", unverified, ssl{1, 1, "TLSv1.3", "TLS_AES_128_GCM_SHA256", ""}},
		{"certificate", verified(tls13, leaf), ssl{7, 0, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "t-server"}},
		{"certificate without a common name", verified(tls13, nameless), ssl{7, 0, "TLSv1.3", "TLS_AES_128_GCM_SHA256", ""}},
		{"certificate of the resumed session", verified(resumed, leaf), ssl{5, 0, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "t-server"}},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			state := tt.state
			state.ServerName, state.NegotiatedProtocol = "cs.example.com", "imap"
			h := formatted(t, origin("192.0.2.1:1024", "192.0.2.2:443"), &state)
			wantSame(t, "SSL", tt.want, sslOf(t, h))
			wantSame(t, "TLVs", map[proxyproto.PP2Type]string{
				proxyproto.PP2_TYPE_UNIQUE_ID: "boot-1",
				proxyproto.PP2_TYPE_AUTHORITY: "cs.example.com",
				proxyproto.PP2_TYPE_ALPN:      "imap",
			}, plainTLVs(t, h))
		})
	}
}

func TestHeaderTooLong(t *testing.T) {
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("x", 1<<16)}}
	state := &tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
	if b, err := formatHeader(HeaderV2, origin("192.0.2.1:1024", "192.0.2.2:443"), "id", state); err == nil {
		t.Errorf("a header of %d bytes", len(b))
	}
}
