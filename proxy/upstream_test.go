package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
	"sallyport/policy"
	"sallyport/proxy/upstream"
)

// dialWith is a dialer of one function.
type dialWith func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialWith) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// lookup is a name service of one function.
type lookup func(ctx context.Context, host string) ([]netip.Addr, error)

func (l lookup) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return l(ctx, host)
}

// hang waits for the end of the context.
func hang(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestNoUpstream: each way in which there is none has its reason, and the client is reset.
func TestNoUpstream(t *testing.T) {
	none := []struct {
		name    string
		prepare func(r *rig)
		reason  policy.Reason
		text    string // in the record's error
	}{
		{"refused", func(r *rig) {
			l := listen(r, "tcp")
			l.Close()
			r.endpoint.Address = l.Addr().String()
		}, policy.UpstreamRefused, "refused"},
		{"no such socket", func(r *rig) {
			r.endpoint.Network, r.endpoint.Address = "unix", filepath.Join(shortDir(r), "none")
		}, policy.UpstreamUnreachable, "no such file"},
		{"socket of a dead server", func(r *rig) {
			l := listen(r, "unix")
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			l.Close()
			r.endpoint.Network, r.endpoint.Address = "unix", l.Addr().String()
		}, policy.UpstreamRefused, "refused"},
		{"no such local address", func(r *rig) {
			r.target.Dialer.Net = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
		}, policy.UpstreamUnreachable, "assign requested address"},
		{"silent network", func(r *rig) {
			r.dialTimeout = 100 * time.Millisecond
			r.target.Dialer.Unbound = dialWith(hang)
		}, policy.UpstreamTimeout, "deadline exceeded"},
		{"name that does not exist", func(r *rig) {
			r.endpoint.Address = "server.example:1"
			r.target.Dialer.Resolver = upstream.NewResolver(lookup(func(_ context.Context, host string) ([]netip.Addr, error) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}))
		}, policy.UpstreamUnresolved, "no such host"},
		{"name without addresses", func(r *rig) {
			r.endpoint.Address = "server.example:1"
			r.target.Dialer.Resolver = upstream.NewResolver(lookup(func(context.Context, string) ([]netip.Addr, error) { return nil, nil }))
		}, policy.UpstreamUnresolved, "no address"},
		{"no port", func(r *rig) { r.endpoint.Address = "127.0.0.1" }, policy.UpstreamUnresolved, "missing port"},
		{"header cannot be written", func(r *rig) {
			r.target.Header = HeaderV2
			r.target.Dialer.Unbound = dialWith(func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				far.Close()
				return near, nil
			})
		}, policy.UpstreamHeader, "closed pipe"},
		{"server of another CA", func(r *rig) {
			r.serveOn("tcp", testpki.New(r).ServerConfig(r, "localhost"), echo)
		}, policy.UpstreamTLS, "unknown authority"},
		{"server of another name", func(r *rig) {
			r.serveOn("tcp", r.ca.ServerConfig(r, "another.example"), echo)
		}, policy.UpstreamTLS, "not valid for the configured server_name"},
		{"server that speaks plaintext", func(r *rig) {
			r.serveOn("tcp", nil, func(conn net.Conn) {
				conn.Write([]byte("220 mail.example ESMTP\r\n"))
				silence(conn)
			})
			r.endpoint.TLS = r.clientConfig()
		}, policy.UpstreamTLS, "first record does not look like a TLS handshake"},
		{"server that closes at once", func(r *rig) {
			r.serveOn("tcp", nil, func(conn net.Conn) { conn.Read(make([]byte, 10000)) })
			r.endpoint.TLS = r.clientConfig()
		}, policy.UpstreamTLS, "does it speak TLS?"},
		{"server that resets at once", func(r *rig) {
			r.serveOn("tcp", nil, func(conn net.Conn) {
				conn.Read(make([]byte, 1))
				abort(conn)
			})
			r.endpoint.TLS = r.clientConfig()
		}, policy.UpstreamTLS, "reset"},
		{"server that is silent", func(r *rig) {
			r.dialTimeout = 100 * time.Millisecond
			r.serveOn("tcp", nil, silence)
			r.endpoint.TLS = r.clientConfig()
		}, policy.UpstreamTimeout, "i/o timeout"},
		{"server of another version", func(r *rig) {
			config := r.ca.ServerConfig(r, "localhost")
			config.MinVersion = tls.VersionTLS13
			r.serveOn("tcp", config, echo)
			r.endpoint.TLS.MaxVersion = tls.VersionTLS12
		}, policy.UpstreamTLS, "protocol version"},
	}
	for _, tt := range none {
		for _, secure := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{false: ", plaintext client", true: ", TLS client"}[secure], func(t *testing.T) {
				r := newRig(t, echo)
				if secure {
					r.secure(0)
				}
				tt.prepare(r)
				r.start()
				if secure {
					if err := r.tryTLS(r.clientConfig()); !isReset(err) {
						t.Errorf("the client's connection ends with %v, want a reset", err)
					}
				} else {
					r.wantTurnedAway(nil)
				}
				record := r.wantRecord(KeyVerdict, "allow", KeyReason, policy.Allowed, KeyCloseReason, tt.reason, KeyClosedBy, Upstream,
					KeyUpstream, r.endpoint.String())
				if text, _ := record[KeyError].(string); !strings.Contains(text, tt.text) {
					t.Errorf("the record's error is %q, want %q in it", text, tt.text)
				}
				r.wantNoRecord()
			})
		}
	}
}

// TestUpstreamWantsCertificate: a TLS 1.3 server says so only after the handshake.
func TestUpstreamWantsCertificate(t *testing.T) {
	eachVersion(t, func(t *testing.T, version uint16) {
		r := newRig(t, nil)
		config := r.ca.ServerConfig(t, "localhost")
		config.ClientAuth, config.MinVersion, config.MaxVersion = tls.RequireAnyClientCert, version, version
		r.serveOn("tcp", config, silence)
		r.start()
		r.wantTurnedAway(nil)
		reason := policy.UpstreamTLS
		if version == tls.VersionTLS13 {
			reason = policy.PeerAlert
		}
		if record := r.wantRecord(KeyCloseReason, reason); !strings.Contains(record[KeyError].(string), "remote error") {
			t.Errorf("the error is %q", record[KeyError])
		}
	})
}

// TestUpstreamResumes: sessions with the upstream are resumed where its configuration has a cache.
func TestUpstreamResumes(t *testing.T) {
	r := newRig(t, nil)
	r.serveTLS(func(conn net.Conn) { conn.Write([]byte("hi")) })
	r.endpoint.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	r.start()
	for _, resumed := range []bool{false, true, true} {
		conn := r.dial()
		wantAll(t, conn, []byte("hi"))
		conn.Close()
		r.wantRecord(KeyUpstreamTLS, "TLS 1.3", KeyUpstreamResumed, resumed)
	}
}

func TestBuiltinEcho(t *testing.T) {
	text := noise(1, 3<<20)
	r := newRig(t, nil)
	r.endpoint.Network, r.endpoint.Address = "builtin", "echo"
	r.start()
	for range 3 {
		exchange(t, r.dial(), text, text)
		r.wantRecord(KeyUpstream, "builtin:echo", KeyBytesIn, len(text), KeyBytesOut, len(text), KeyCloseReason, policy.EndOfStream)
	}
}

// TestCutWhileConnecting: a session that has to end before it has reached a server is reset. An orderly end would look like an
// empty answer.
func TestCutWhileConnecting(t *testing.T) {
	r := newRig(t, echo)
	dialling := make(chan struct{})
	r.target.Dialer.Unbound = dialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
		close(dialling)
		return hang(ctx, network, address)
	})
	r.start()
	conn := r.dial()
	<-dialling
	r.server.cutAll()
	wantReset(t, conn)
	r.wantRecord(KeyCloseReason, policy.Shutdown)
}
