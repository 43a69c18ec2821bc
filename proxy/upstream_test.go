package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/testpki"
	"sallyport/policy"
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
			r.target.Primary.Address = l.Addr().String()
		}, policy.UpstreamRefused, "refused"},
		{"no such socket", func(r *rig) {
			r.target.Primary = Endpoint{"unix", filepath.Join(shortDir(r), "none")}
		}, policy.UpstreamUnreachable, "no such file"},
		{"socket of a dead server", func(r *rig) {
			l := listen(r, "unix")
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			l.Close()
			r.target.Primary = Endpoint{"unix", l.Addr().String()}
		}, policy.UpstreamRefused, "refused"},
		{"no such local address", func(r *rig) {
			r.target.Dialer = &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}
		}, policy.UpstreamUnreachable, "assign requested address"},
		{"silent network", func(r *rig) {
			r.limits.DialTimeout = 100 * time.Millisecond
			r.target.Dialer = dialWith(hang)
		}, policy.UpstreamTimeout, "deadline exceeded"},
		{"name that does not exist", func(r *rig) {
			r.target.Primary.Address = "server.example:1"
			r.target.Resolver = NewResolver(lookup(func(_ context.Context, host string) ([]netip.Addr, error) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}))
		}, policy.UpstreamUnresolved, "no such host"},
		{"name without addresses", func(r *rig) {
			r.target.Primary.Address = "server.example:1"
			r.target.Resolver = NewResolver(lookup(func(context.Context, string) ([]netip.Addr, error) { return nil, nil }))
		}, policy.UpstreamUnresolved, "no address"},
		{"no port", func(r *rig) { r.target.Primary.Address = "127.0.0.1" }, policy.UpstreamUnresolved, "missing port"},
		{"header cannot be written", func(r *rig) {
			r.target.Header = HeaderV2
			r.target.Dialer = dialWith(func(context.Context, string, string) (net.Conn, error) {
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
			r.target.TLS = r.clientConfig()
		}, policy.UpstreamTLS, "first record does not look like a TLS handshake"},
		{"server that closes at once", func(r *rig) {
			r.serveOn("tcp", nil, func(conn net.Conn) { conn.Read(make([]byte, 10000)) })
			r.target.TLS = r.clientConfig()
		}, policy.UpstreamTLS, "does it speak TLS?"},
		{"server that resets at once", func(r *rig) {
			r.serveOn("tcp", nil, func(conn net.Conn) {
				conn.Read(make([]byte, 1))
				abort(conn)
			})
			r.target.TLS = r.clientConfig()
		}, policy.UpstreamTLS, "reset"},
		{"server that is silent", func(r *rig) {
			r.limits.DialTimeout = 100 * time.Millisecond
			r.serveOn("tcp", nil, silence)
			r.target.TLS = r.clientConfig()
		}, policy.UpstreamTimeout, "i/o timeout"},
		{"server of another version", func(r *rig) {
			config := r.ca.ServerConfig(r, "localhost")
			config.MinVersion = tls.VersionTLS13
			r.serveOn("tcp", config, echo)
			r.target.TLS.MaxVersion = tls.VersionTLS12
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
					KeyUpstream, r.target.Primary.String())
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
	r.target.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
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
	r.target.Primary = Endpoint{"builtin", "echo"}
	r.start()
	for range 3 {
		exchange(t, r.dial(), text, text)
		r.wantRecord(KeyUpstream, "builtin:echo", KeyBytesIn, len(text), KeyBytesOut, len(text), KeyCloseReason, policy.EndOfStream)
	}
}

// TestAddressesInTurn: one after the other, each with its share of the time that is left.
func TestAddressesInTurn(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("192.0.2.3")}
	attempts := []struct {
		name   string
		answer map[string]error // nil: hangs
		want   []string         // address and the time that it is given
		err    string
	}{
		{"all hang", nil, []string{"192.0.2.1:25 3s", "[2001:db8::2]:25 3s", "192.0.2.3:25 3s"}, "upstream_timeout: context deadline exceeded"},
		{"one refuses", map[string]error{"192.0.2.1:25": errors.New("no")}, []string{"192.0.2.1:25 3s", "[2001:db8::2]:25 4.5s", "192.0.2.3:25 4.5s"}, "upstream_timeout: context deadline exceeded"},
		{"the last one refuses", map[string]error{"192.0.2.3:25": errors.New("no")}, []string{"192.0.2.1:25 3s", "[2001:db8::2]:25 3s", "192.0.2.3:25 3s"}, "upstream_unreachable: no"},
		{"the second one answers", map[string]error{"[2001:db8::2]:25": nil}, []string{"192.0.2.1:25 3s", "[2001:db8::2]:25 3s"}, ""},
	}
	for _, tt := range attempts {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newMemoryRig(t, nil)
				var got []string
				near, far := net.Pipe()
				defer near.Close()
				defer far.Close()
				r.target.Primary = Endpoint{"tcp", "server.example:25"}
				r.target.Resolver = NewResolver(lookup(func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }))
				r.target.Dialer = dialWith(func(ctx context.Context, network, address string) (net.Conn, error) {
					deadline, _ := ctx.Deadline()
					got = append(got, address+" "+time.Until(deadline).String())
					if err, ok := tt.answer[address]; ok && err != nil {
						return nil, err
					} else if ok {
						return near, nil
					}
					return hang(ctx, network, address)
				})
				ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
				defer cancel()
				_, err := r.target.dial(ctx)
				if text := errorText(err); text != tt.err {
					t.Errorf("dial = %q, want %q", text, tt.err)
				}
				wantSame(t, "attempts", tt.want, got)
			})
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
