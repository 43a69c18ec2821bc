package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"sallyport/internal/testpki"
	"sallyport/policy"
)

// says is a server that answers a line, or greets, with pieces that are sent one by one.
func says(line string, pieces ...string) func(net.Conn) {
	return func(conn net.Conn) {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetNoDelay(true)
		}
		if line != "" {
			got := make([]byte, len(line))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != line {
				return
			}
		}
		for _, piece := range pieces {
			if _, err := io.WriteString(conn, piece); err != nil {
				return
			}
		}
		silence(conn)
	}
}

// overTLS is a server that says what another one says, once the handshake is over.
func overTLS(config *tls.Config, serve func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			serve(server)
			server.CloseWrite()
		}
		if half, ok := conn.(*net.TCPConn); ok {
			half.CloseWrite()
		}
		silence(conn) // what is unread would reset the connection, and the alert be lost
	}
}

func abort(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	resetConn(conn)
}

var pong = regexp.MustCompile(`^\+PONG\r\n`)

// TestCheck: what servers do, over plaintext and TLS, and what is said of it.
func TestCheck(t *testing.T) {
	ca := testpki.New(t)
	for _, tt := range []struct {
		name   string
		serve  func(net.Conn)
		send   string
		expect *regexp.Regexp
		want   []string // pieces of the error; nil: well
	}{
		{"nothing asked", silence, "", nil, nil},
		{"nothing asked of one that greets", says("", "220 mail.example ESMTP\r\n"), "", nil, nil},
		{"greeting", says("", "220 mail.example ESMTP\r\n"), "", regexp.MustCompile(`^220 .* ESMTP`), nil},
		{"only sent", says("PING\r\n", "+PONG\r\n"), "PING\r\n", nil, nil},
		{"answer", says("PING\r\n", "+PONG\r\n"), "PING\r\n", pong, nil},
		{"answer in pieces", says("PING\r\n", "+", "P", "O", "N", "G", "\r", "\n"), "PING\r\n", pong, nil},
		{"answer and its end", func(conn net.Conn) { says("PING\r\n", "+PONG\r\n")(conn) }, "PING\r\n", regexp.MustCompile(`(?s)^\+PONG.*$`), nil},
		{"answer that matches late", says("", "loading\n", "loading\n", "ready\n"), "", regexp.MustCompile(`(?m)^ready$`), nil},
		{"end instead of an answer", func(conn net.Conn) { conn.Read(make([]byte, 100)) }, "PING\r\n", pong, []string{"got nothing and then the end"}},
		{"end in the middle of an answer", func(conn net.Conn) {
			conn.Read(make([]byte, 100))
			io.WriteString(conn, "+PO")
		}, "PING\r\n", pong, []string{`got "+PO" and then the end`}},
		{"the end is the answer", func(net.Conn) {}, "", regexp.MustCompile(`^$`), nil},
		{"reset instead of an answer", func(conn net.Conn) {
			conn.Read(make([]byte, 1))
			abort(conn)
		}, "PING\r\n", pong, []string{"got nothing and then", "reset"}},
		{"garbage without an end", func(conn net.Conn) {
			for {
				if _, err := conn.Write(make([]byte, 4<<10)); err != nil {
					return
				}
			}
		}, "", pong, []string{"nothing in its first 65536 bytes matches"}},
		{"match at the limit", says("", strings.Repeat("x", longestAnswer-3), "endless"), "", regexp.MustCompile(`end`), nil},
	} {
		for _, secured := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{false: ", plaintext", true: ", TLS"}[secured], func(t *testing.T) {
				t.Parallel()
				e := serve(t, tt.serve)
				if secured {
					e = serve(t, overTLS(ca.ServerConfig(t, "localhost"), tt.serve))
					e.TLS = ca.ClientConfig("localhost", nil)
				}
				err := newDialer().Check(t.Context(), e, &Health{Timeout: longEnough, Send: tt.send, Expect: tt.expect})
				if err == nil != (tt.want == nil) {
					t.Fatalf("check = %v", err)
				}
				for _, piece := range tt.want {
					if !strings.Contains(err.Error(), piece) {
						t.Errorf("the error is %q, want %q in it", err, piece)
					}
				}
			})
		}
	}
}

// TestCheckReason: what keeps a check from asking has the reason that it has for sessions.
func TestCheckReason(t *testing.T) {
	ca, other := testpki.New(t), testpki.New(t)
	server := func(config *tls.Config) func(net.Conn) { return overTLS(config, silence) }
	demanding := ca.ServerConfig(t, "localhost")
	demanding.ClientAuth = tls.RequireAnyClientCert
	old := ca.ServerConfig(t, "localhost")
	old.MaxVersion = tls.VersionTLS12
	newest := ca.ClientConfig("localhost", nil)
	newest.MinVersion = tls.VersionTLS13
	for _, tt := range []struct {
		name   string
		serve  func(net.Conn) // nil: nobody
		config *tls.Config
		reason policy.Reason
		text   string
	}{
		{"refused", nil, nil, policy.UpstreamRefused, "refused"},
		{"server of another CA", server(other.ServerConfig(t, "localhost")), ca.ClientConfig("localhost", nil), policy.UpstreamTLS, "unknown authority"},
		{"server of another name", server(ca.ServerConfig(t, "other.example")), ca.ClientConfig("localhost", nil),
			policy.UpstreamTLS, "x509: certificate is valid for other.example, not localhost"},
		{"another version", server(old), newest, policy.UpstreamTLS, "protocol version"},
		{"plaintext", says("", "220 mail.example ESMTP\r\n"), ca.ClientConfig("localhost", nil), policy.UpstreamTLS, "does not look like a TLS handshake"},
		{"closes at once", func(conn net.Conn) { conn.Read(make([]byte, 10000)) }, ca.ClientConfig("localhost", nil), policy.UpstreamTLS, "does it speak TLS?"},
		{"resets at once", func(conn net.Conn) { conn.Read(make([]byte, 1)); abort(conn) }, ca.ClientConfig("localhost", nil), policy.UpstreamTLS, "reset"},
		{"demands a certificate", server(demanding), ca.ClientConfig("localhost", nil), policy.UpstreamTLS, "remote error: tls: certificate required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &Endpoint{Network: "tcp", Address: unused(t)}
			if tt.serve != nil {
				e = serve(t, tt.serve)
			}
			e.TLS = tt.config
			err := newDialer().Check(t.Context(), e, &Health{Timeout: longEnough})
			wantRefusal(t, err, tt.reason, tt.text)
		})
	}
}

// TestCheckReachesAnother: an endpoint is well if one of its addresses is.
func TestCheckReachesAnother(t *testing.T) {
	e := serve(t, silence)
	_, port, _ := net.SplitHostPort(e.Address)
	e.Address = "server.example:" + port
	d := newDialer()
	d.Resolver = leadsTo("::1", "127.0.0.1")
	if err := d.Check(t.Context(), e, &Health{Timeout: longEnough}); err != nil {
		t.Error(err)
	}
}

// TestCheckKeepsTickets: a check shakes hands in short with what the last one was given, and leaves a ticket to sessions.
func TestCheckKeepsTickets(t *testing.T) {
	ca := testpki.New(t)
	config := ca.ServerConfig(t, "localhost")
	resumed := make(chan bool, 1)
	e := serve(t, func(conn net.Conn) {
		server := tls.Server(conn, config)
		server.Handshake()
		resumed <- server.ConnectionState().DidResume
		silence(server)
	})
	e.TLS = ca.ClientConfig("localhost", nil)
	e.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for _, want := range []bool{false, true, true} {
		if err := newDialer().Check(t.Context(), e, &Health{Timeout: longEnough}); err != nil {
			t.Fatal(err)
		}
		if got := <-resumed; got != want {
			t.Errorf("resumed: %v, want %v", got, want)
		}
	}
}

// TestCheckPartsInOrder: the server sees an end and no reset, after close_notify where there is TLS, whatever it still sends.
func TestCheckPartsInOrder(t *testing.T) {
	ca := testpki.New(t)
	for _, tt := range []struct {
		name    string
		secured bool
	}{{"plaintext", false}, {"TLS", true}} {
		t.Run(tt.name, func(t *testing.T) {
			ends := make(chan error, 1)
			e := serve(t, func(conn net.Conn) {
				if tt.secured {
					conn = tls.Server(conn, ca.ServerConfig(t, "localhost"))
				}
				_, err := io.Copy(io.Discard, conn)
				_, late := conn.Write(make([]byte, 100<<10))
				ends <- errors.Join(err, late)
			})
			if tt.secured {
				e.TLS = ca.ClientConfig("localhost", nil)
			}
			if err := newDialer().Check(t.Context(), e, &Health{Timeout: longEnough, Send: "bye"}); err != nil {
				t.Fatal(err)
			}
			if err := <-ends; err != nil {
				t.Errorf("the server sees %v", err)
			}
		})
	}
}

// TestCheckSaysGoodbye: the last record of a TLS client is an alert: close_notify. Before TLS 1.3 that can be seen from outside.
func TestCheckSaysGoodbye(t *testing.T) {
	ca := testpki.New(t)
	config := ca.ServerConfig(t, "localhost")
	config.MaxVersion = tls.VersionTLS12
	heard := make(chan []byte, 1)
	e := serve(t, func(conn net.Conn) {
		var all bytes.Buffer
		io.Copy(io.Discard, tls.Server(tapped{conn, io.TeeReader(conn, &all)}, config))
		heard <- all.Bytes()
	})
	e.TLS = ca.ClientConfig("localhost", nil)
	if err := newDialer().Check(t.Context(), e, &Health{Timeout: longEnough}); err != nil {
		t.Fatal(err)
	}
	const header, alert = 5, 21 // RFC 5246, section 6.2.1
	var last byte
	for rest := <-heard; len(rest) >= header; {
		last = rest[0]
		rest = rest[min(header+int(binary.BigEndian.Uint16(rest[3:])), len(rest)):]
	}
	if last != alert {
		t.Errorf("the last record is of type %d, want an alert", last)
	}
}

// tapped is a connection that is read through something else.
type tapped struct {
	net.Conn
	tap io.Reader
}

func (t tapped) Read(b []byte) (int, error) { return t.tap.Read(b) }

// TestCheckGivenUp: who gives a check up is told so, in whichever stage, and not that the endpoint is unwell.
func TestCheckGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	talking := serve(t, func(conn net.Conn) {
		cancel()
		silence(conn)
	})
	for _, tt := range []struct {
		name string
		dial *Dialer
	}{
		{"talking", newDialer()}, // the next ones begin with a context that has ended
		{"beginning", newDialer()},
		{"connecting", &Dialer{Resolver: leadsTo("192.0.2.1"), Unbound: dialWith(hang)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.dial.Check(ctx, talking, &Health{Timeout: longEnough, Expect: pong})
			if !errors.Is(err, context.Canceled) || policy.ReasonOf(err, "") != "" {
				t.Errorf("check = %v", err)
			}
		})
	}
}
