package proxy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sallyport/policy"
)

// TestAttributesAreAllKeys: every Key constant is explained once, and nothing else is.
func TestAttributesAreAllKeys(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "attributes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	constants := make(map[string]int)
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Key") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		constants[value]++
		return true
	})
	explained := make(map[string]int)
	for _, a := range Attributes() {
		explained[a.Name]++
		if a.Text == "" {
			t.Errorf("%s is not explained", a.Name)
		}
	}
	wantSame(t, "attributes", constants, explained)
}

// fullSession is a session whose record has a value for everything.
func fullSession() *session {
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: "client"}, SerialNumber: big.NewInt(0xabc)}
	state := &tls.ConnectionState{
		Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768,
		ServerName: "sni", NegotiatedProtocol: "alpn",
		PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}},
	}
	s := &session{server: new(Server), id: "id", begun: time.Now().Add(-time.Second), gen: &Generation{Number: 3}, port: &Port{Application: "a", ID: "p"}}
	s.facts = policy.Facts{Source: netip.MustParseAddrPort("192.0.2.1:1"), Peer: netip.MustParseAddrPort("192.0.2.2:2"), Identities: policy.IdentitiesOf(leaf)}
	s.origin = policy.Origin{Destination: netip.MustParseAddrPort("192.0.2.3:3")}
	s.record = record{
		state: state, mode: "tls", served: leaf, upstream: "up", local: "local", upstreamTLS: state, spare: true, attempts: 2, in: 1, out: 2,
		detect: time.Millisecond, handshake: time.Millisecond, dial: time.Millisecond,
		decision: policy.Decision{Rule: "rule", Match: policy.Match{Client: "c"}, Reason: policy.SourcePortMismatch, Nearest: "near", Failed: policy.SourcePort}, suppressedBy: 1,
		locked: policy.Locked{Forever: true}, isLocked: true,
		end:      ending{side: Client, reason: policy.Reset, err: errors.New("error"), denial: &policy.Decision{Rule: "block", Reason: policy.Blocked}},
		stranger: &stranger{serverName: "sni", offered: tls.VersionTLS12, leaf: leaf},
	}
	return s
}

// TestRecordOrder: full records have every documented attribute, in the documented order, once.
func TestRecordOrder(t *testing.T) {
	established, failed := fullSession(), fullSession()
	established.record.stranger, failed.record.state = nil, nil
	seen := make(map[string]bool)
	for name, s := range map[string]*session{"established": established, "failed handshake": failed} {
		has := make(map[string]bool)
		var want, got []string
		for _, a := range s.attrs(nil) {
			got = append(got, a.Key)
			has[a.Key], seen[a.Key] = true, true
		}
		for _, a := range Attributes() {
			if has[a.Name] {
				want = append(want, a.Name)
			}
		}
		wantSame(t, name, want, got)
	}
	for _, a := range Attributes() {
		if !seen[a.Name] {
			t.Errorf("%s is documented and never written", a.Name)
		}
	}
}

// TestRecordOfHostileText: what a stranger wrote stays within its line and its bounds.
func TestRecordOfHostileText(t *testing.T) {
	hostile := []struct{ name, text string }{
		{"line break", "x\nlevel=ERROR msg=forged"},
		{"carriage return", "x\rforged"},
		{"escape code", "x\x1b[2J\x1b[31m"},
		{"quote", `x" verdict="allow`},
		{"separator", "x verdict=allow"},
		{"not UTF-8", "x\xff\xfe"},
		{"line separator", "x\u2028forged\u0085forged"},
		{"right to left", "x\u202eforged"},
		{"long", strings.Repeat("x", 100000)},
		{"long, of wide letters", "xx" + strings.Repeat("\u00e4\u20ac", 10000)},
	}
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			s := fullSession()
			leaf := &x509.Certificate{Subject: pkix.Name{CommonName: tt.text}, SerialNumber: big.NewInt(0xabc)}
			s.record.state.PeerCertificates = []*x509.Certificate{leaf}
			s.record.served, s.record.stranger.leaf = leaf, leaf
			s.record.state.ServerName, s.record.state.NegotiatedProtocol = tt.text, tt.text
			s.record.end.err = errors.New(tt.text)
			for _, a := range s.attrs(nil) {
				longest := longestText
				if a.Key == KeyError {
					longest = longestError
				}
				if a.Value.Kind() == slog.KindString && len(a.Value.String()) > longest+40 {
					t.Errorf("%s has %d bytes", a.Key, len(a.Value.String()))
				}
				if a.Value.Kind() == slog.KindString && utf8.ValidString(tt.text) && !utf8.ValidString(a.Value.String()) {
					t.Errorf("%s was cut within a letter", a.Key)
				}
				if a.Key == KeyCertificate && !strings.HasSuffix(a.Value.String(), "serial=abc") {
					t.Errorf("the certificate has lost its serial number: %s", a.Value)
				}
			}
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).LogAttrs(t.Context(), slog.LevelInfo, "session", s.attrs(nil)...)
			line := strings.TrimSuffix(out.String(), "\n")
			for _, r := range line {
				if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x202e {
					t.Fatalf("%q in the line %q", r, line)
				}
			}
			if n := strings.Count(line, " verdict=deny"); n != 1 || strings.Count(line, " "+KeyClosedBy+"=client") != 1 {
				t.Errorf("the line is forged: %s", line)
			}
		})
	}
}

// TestRecordLeavesOut: what has no value is not there, and what has no address says so.
func TestRecordLeavesOut(t *testing.T) {
	s := &session{server: new(Server), id: "id", begun: time.Now().Add(-time.Second), gen: &Generation{Number: 3}, port: &Port{Application: "a", ID: "p"}}
	s.record.end = ending{side: Proxy, reason: policy.ConnectionLimit}
	got := make(map[string]string)
	for _, a := range s.attrs(nil) {
		got[a.Key] = a.Value.String()
	}
	delete(got, KeyTotal)
	wantSame(t, "attributes", map[string]string{
		KeyID: "id", KeyApplication: "a", KeyPort: "p", KeyGeneration: "3", KeySource: "unix", KeyBytesIn: "0", KeyBytesOut: "0",
		KeyVerdict: "deny", KeyClosedBy: "sallyport", KeyCloseReason: "connection_limit",
	}, got)
}
