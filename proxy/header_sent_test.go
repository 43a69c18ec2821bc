package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"

	"sallyport/policy"
)

// buffered is a connection of which a buffer has read.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// takeHeader reads a header from a connection, and returns what is behind it.
func takeHeader(t *testing.T, conn net.Conn) (*proxyproto.Header, net.Conn) {
	r := bufio.NewReader(conn)
	h, err := proxyproto.Read(r)
	if err != nil {
		t.Errorf("header: %v", err)
	}
	return h, &buffered{conn, r}
}

// TestHeaderComesFirst: before any payload, before the client has sent any, and before TLS.
func TestHeaderComesFirst(t *testing.T) {
	for _, version := range []HeaderVersion{HeaderV1, HeaderV2} {
		for _, upstream := range []string{"tcp", "unix", "tls"} {
			t.Run(string('0'+rune(version))+" to "+upstream, func(t *testing.T) {
				headers := make(chan *proxyproto.Header, 1)
				r := newRig(t, nil)
				config := r.ca.ServerConfig(t, "localhost")
				serve := func(conn net.Conn) {
					h, conn := takeHeader(t, conn)
					headers <- h
					if upstream == "tls" {
						secure := tls.Server(conn, config)
						io.Copy(secure, secure)
						secure.CloseWrite()
						return
					}
					io.Copy(conn, conn)
				}
				if upstream == "unix" {
					r.serveOn("unix", nil, serve)
				} else {
					r.serveOn("tcp", nil, serve)
				}
				if upstream == "tls" {
					r.endpoint.TLS = r.clientConfig()
				}
				r.target.Header = version
				r.start()
				conn := r.dial()
				h := <-headers // the client has said nothing
				if h == nil || h.SourceAddr.String() != conn.LocalAddr().String() || h.DestinationAddr.String() != conn.RemoteAddr().String() {
					t.Errorf("the header is %v, want %v to %v", h, conn.LocalAddr(), conn.RemoteAddr())
				}
				sendAll(t, conn, []byte("hello"))
				wantAll(t, conn, []byte("hello"))
				record := r.wantRecord(KeyBytesIn, 5, KeyBytesOut, 5)
				if version == HeaderV2 {
					if id := plainTLVs(t, h)[proxyproto.PP2_TYPE_UNIQUE_ID]; id != record[KeyID] {
						t.Errorf("the header's id is %q, the record's %q", id, record[KeyID])
					}
				}
			})
		}
	}
}

// TestHeaderNamesTheOrigin: the addresses are those of the client's own header, never of the balancer.
func TestHeaderNamesTheOrigin(t *testing.T) {
	headers := make(chan *proxyproto.Header, 1)
	r := newRig(t, func(conn net.Conn) {
		h, _ := takeHeader(t, conn)
		headers <- h
	})
	r.target.Header = HeaderV2
	r.port.Front = testFront{origin: func(conn net.Conn) (net.Conn, policy.Origin, error) {
		return conn, origin("203.0.113.9:999", "203.0.113.10:443"), nil
	}}
	r.start()
	conn := r.dial()
	if h := <-headers; h.SourceAddr.String() != "203.0.113.9:999" || h.DestinationAddr.String() != "203.0.113.10:443" {
		t.Errorf("the header is %v", h)
	}
	conn.Close()
	r.wantRecord(KeySource, "203.0.113.9:999", KeyDestination, "203.0.113.10:443", KeyPeer, conn.LocalAddr().String())
}

// TestHeaderOfResumedSession: its client bits tell a certificate of this connection from one of the session.
func TestHeaderOfResumedSession(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		headers := make(chan *proxyproto.Header, 1)
		r := newRig(t, func(conn net.Conn) {
			h, conn := takeHeader(t, conn)
			headers <- h
			io.Copy(conn, conn)
		}).secure(version)
		mutual(r)
		r.target.Header = HeaderV2
		r.start()
		config := r.ca.ClientConfig("localhost", r.ca.Client(t, "t-server"))
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for _, bits := range []uint8{clientSSL | clientCertConn | clientCertSess, clientSSL | clientCertSess} {
			if err := r.tryTLS(config); err != nil {
				t.Error(err)
			}
			if got := sslOf(t, <-headers); got.Client != bits || got.Verify != 0 || got.Name != "t-server" {
				t.Errorf("the SSL TLV is %+v, want the client bits %d", got, bits)
			}
		}
	})
}
