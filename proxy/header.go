package proxy

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"

	"sallyport/policy"
)

// Bits of the client field in the SSL TLV (PROXY protocol, section 2.2.6).
const (
	clientSSL      = 0x01 // over TLS
	clientCertConn = 0x02 // certificate sent on this connection
	clientCertSess = 0x04 // certificate known from this TLS session
)

// formatHeader returns the PROXY header for a session. It is made from what this session knows;
// a header that the client sent is never passed on.
func formatHeader(version HeaderVersion, origin policy.Origin, id string, state *tls.ConnectionState) ([]byte, error) {
	h := proxyproto.Header{
		Version:           byte(version),
		Command:           proxyproto.PROXY,
		TransportProtocol: family(origin),
	}
	if h.TransportProtocol == proxyproto.UNSPEC {
		h.Command = proxyproto.LOCAL // some receivers refuse PROXY without addresses (section 2.2 lets them)
	} else {
		h.SourceAddr = net.TCPAddrFromAddrPort(origin.Source)
		h.DestinationAddr = net.TCPAddrFromAddrPort(origin.Destination)
	}
	if version == HeaderV2 {
		tlvs, err := headerTLVs(id, state)
		if err != nil {
			return nil, fmt.Errorf("PROXY header: %w", err)
		}
		if err := h.SetTLVs(tlvs); err != nil {
			return nil, fmt.Errorf("PROXY header: %w", err)
		}
	}
	b, err := h.Format()
	if err != nil {
		return nil, fmt.Errorf("PROXY header: %w", err)
	}
	return b, nil
}

// family returns the address family that holds both addresses. The header says UNSPEC when
// there are none, as for clients of a UNIX socket.
func family(origin policy.Origin) proxyproto.AddressFamilyAndProtocol {
	four := func(a netip.AddrPort) bool { return a.Addr().Is4() }
	switch {
	case !origin.Source.IsValid() || !origin.Destination.IsValid():
		return proxyproto.UNSPEC
	case four(origin.Source) && four(origin.Destination):
		return proxyproto.TCPv4
	default:
		return proxyproto.TCPv6
	}
}

func headerTLVs(id string, state *tls.ConnectionState) ([]proxyproto.TLV, error) {
	var tlvs []proxyproto.TLV
	add := func(kind proxyproto.PP2Type, value string) {
		if value != "" {
			tlvs = append(tlvs, proxyproto.TLV{Type: kind, Value: []byte(value)})
		}
	}
	add(proxyproto.PP2_TYPE_UNIQUE_ID, id)
	if state == nil {
		return tlvs, nil
	}
	add(proxyproto.PP2_TYPE_ALPN, state.NegotiatedProtocol)
	add(proxyproto.PP2_TYPE_AUTHORITY, state.ServerName)
	ssl, err := sslTLV(state)
	if err != nil {
		return nil, err
	}
	return append(tlvs, ssl), nil
}

func sslTLV(state *tls.ConnectionState) (proxyproto.TLV, error) {
	inner := []proxyproto.TLV{
		{Type: proxyproto.PP2_SUBTYPE_SSL_VERSION, Value: []byte(opensslVersion(state.Version))},
		{Type: proxyproto.PP2_SUBTYPE_SSL_CIPHER, Value: []byte(tls.CipherSuiteName(state.CipherSuite))},
	}
	client, verify := byte(clientSSL), uint32(1) // not zero: no certificate was verified
	if leaf := verifiedLeaf(state); leaf != nil {
		verify = 0
		client |= clientCertSess
		if !state.DidResume {
			client |= clientCertConn
		}
		if cn := leaf.Subject.CommonName; cn != "" {
			inner = append(inner, proxyproto.TLV{Type: proxyproto.PP2_SUBTYPE_SSL_CN, Value: []byte(cn)})
		}
	}
	joined, err := proxyproto.JoinTLVs(inner)
	if err != nil {
		return proxyproto.TLV{}, err
	}
	value := append([]byte{client}, binary.BigEndian.AppendUint32(nil, verify)...)
	return proxyproto.TLV{Type: proxyproto.PP2_TYPE_SSL, Value: append(value, joined...)}, nil
}

// opensslVersion spells a version as OpenSSL does ("TLSv1.3"), which is what receivers of
// the header compare with.
func opensslVersion(version uint16) string {
	switch version {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	default:
		return tls.VersionName(version)
	}
}
