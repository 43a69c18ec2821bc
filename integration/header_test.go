//go:build integration

package integration

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	proxyproto "github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// told is what a PROXY header says, in comparable words.
type told struct {
	Source, Destination     string
	ALPN, Authority, ID     string
	TLS                     bool
	Version, Cipher, Common string
	Verified                bool
}

// startTold returns the address of a server that reads a PROXY header, hands it on and echoes the rest.
func startTold(t *testing.T) (string, <-chan told) {
	t.Helper()
	headers := make(chan told, 10)
	return serve(t, func(conn *net.TCPConn) {
		buffered := bufio.NewReader(conn)
		header, err := proxyproto.Read(buffered)
		if err != nil {
			headers <- told{Source: err.Error()}
			return
		}
		headers <- readTold(header)
		buffered.WriteTo(conn)
	}), headers
}

func readTold(header *proxyproto.Header) told {
	is := told{Source: fmt.Sprint(header.SourceAddr), Destination: fmt.Sprint(header.DestinationAddr)}
	tlvs, err := header.TLVs()
	if err != nil {
		return told{Source: err.Error()}
	}
	for _, tlv := range tlvs {
		switch tlv.Type {
		case proxyproto.PP2_TYPE_ALPN:
			is.ALPN = string(tlv.Value)
		case proxyproto.PP2_TYPE_AUTHORITY:
			is.Authority = string(tlv.Value)
		case proxyproto.PP2_TYPE_UNIQUE_ID:
			is.ID = string(tlv.Value)
		}
	}
	ssl, found := tlvparse.FindSSL(tlvs)
	if !found {
		return is
	}
	is.TLS, is.Verified = ssl.ClientSSL(), ssl.Verified()
	is.Version, _ = ssl.SSLVersion()
	is.Cipher, _ = ssl.SSLCipher()
	is.Common, _ = ssl.ClientCN()
	return is
}

// TestHeaderFacts reads what HAProxy's receiver does not show: the TLS facts in the header of version 2.
func TestHeaderFacts(t *testing.T) {
	ca := newAuthority(t, "facts CA")
	server, user := ca.server(t), ca.client(t, "alice")
	upstream, headers := startTold(t)
	secure := freeAddress(t)
	s := startSallyport(t, expand(t, `
[[application]]
name = "told"
certificate     = "${certificate}"
certificate_key = "${key}"
trusted_ca      = "${ca}"
  [application.upstream]
  primary = "${upstream}"
  proxy_protocol = "v2"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "auto-detect"
  client_auth = "request"
  alpn = ["postgresql"]
`, vars{"certificate": server.certificate, "key": server.key, "ca": ca.file, "upstream": upstream, "secure": secure}))

	next := func() told {
		select {
		case header := <-headers:
			return header
		case <-time.After(patience):
			t.Fatal("no header arrived")
			return told{}
		}
	}
	tests := []struct {
		name string
		user *pair
		alpn []string
		want told
	}{
		{"client certificate", &user, []string{"postgresql"}, told{ALPN: "postgresql", TLS: true, Verified: true, Version: "TLSv1.3", Common: "alice"}},
		{"no client certificate", nil, nil, told{TLS: true, Version: "TLSv1.3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := ca.ClientConfig("localhost", nil)
			if test.user != nil {
				config.Certificates = []tls.Certificate{test.user.TLS()}
			}
			config.NextProtos = test.alpn
			conn := tls.Client(dial(t, secure, clientSource), config)
			exchange(t, conn, "hello")
			source, cipher := conn.LocalAddr().String(), tls.CipherSuiteName(conn.ConnectionState().CipherSuite)
			conn.Close()
			got := next()
			r := s.wantRecord(t, fields{keyPort: "secure", keyVerdict: verdictAllow, keySource: source, keyBytesIn: 5})
			test.want.Source, test.want.Destination, test.want.Authority = source, secure, "localhost"
			test.want.ID, test.want.Cipher = r.text(keyID), cipher
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("plaintext", func(t *testing.T) {
		conn := dial(t, secure, clientSource)
		exchange(t, conn, "hello")
		conn.CloseWrite()
		got := next()
		r := s.wantRecord(t, fields{keyMode: modePlain, keyVerdict: verdictAllow, keySource: conn.LocalAddr().String()})
		want := told{Source: conn.LocalAddr().String(), Destination: secure, ID: r.text(keyID)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	})
}
