package upstream

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/testpki"
	"sallyport/policy"
)

// inMemory returns a dialer whose every connection leads to serve, which has to end by itself.
func inMemory(t *testing.T, serve func(net.Conn)) *Dialer {
	var served sync.WaitGroup
	t.Cleanup(served.Wait)
	return &Dialer{Unbound: dialWith(func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		served.Go(func() {
			defer far.Close()
			serve(far)
		})
		return near, nil
	})}
}

// TestCheckLate: a server that hangs, in whichever stage, has the time of one check, and then it is told how far it came.
func TestCheckLate(t *testing.T) {
	ca := testpki.New(t)
	greeting := regexp.MustCompile(`^220 .* ESMTP`)
	for _, tt := range []struct {
		name    string
		secured bool           // the endpoint
		serve   func(net.Conn) // nil: does not even read
		send    string
		expect  *regexp.Regexp
		want    string
	}{
		{"no word of TLS", true, silence, "", nil, "upstream_timeout: handshake: context deadline exceeded"},
		{"nobody reads", true, nil, "", nil, "upstream_timeout: handshake: context deadline exceeded"},
		{"half a handshake", true, func(conn net.Conn) {
			conn.Read(make([]byte, 10000))
			conn.Write([]byte{22, 3, 3, 0, 100, 2})
			silence(conn)
		}, "", nil, "upstream_timeout: handshake: context deadline exceeded"},
		{"nobody reads what is sent", false, nil, "PING\r\n", pong, "upstream_timeout: send: context deadline exceeded"},
		{"no answer", false, silence, "PING\r\n", pong,
			"upstream_timeout: expected an answer that matches `^\\+PONG\\r\\n`, got nothing and no more in time: context deadline exceeded"},
		{"no answer over TLS", true, overTLS(ca.ServerConfig(t, "localhost"), silence), "PING\r\n", pong,
			"upstream_timeout: expected an answer that matches `^\\+PONG\\r\\n`, got nothing and no more in time: context deadline exceeded"},
		{"another answer", false, says("PING\r\n", "-LOAD", "ING\r\n"), "PING\r\n", pong,
			"upstream_timeout: expected an answer that matches `^\\+PONG\\r\\n`, got \"-LOADING\\r\\n\" and no more in time: context deadline exceeded"},
		{"another greeting", false, says("", "554 no\r\n"), "", greeting,
			"upstream_timeout: expected an answer that matches `^220 .* ESMTP`, got \"554 no\\r\\n\" and no more in time: context deadline exceeded"},
		{"garbage", false, says("", strings.Repeat("\x1b[2J\u202e\x00\xff", 100)), "", greeting,
			"upstream_timeout: expected an answer that matches `^220 .* ESMTP`, got \"" + strings.Repeat(`\x1b[2J\u202e\x00\xff`, 7) + `\x1b"... (900 bytes) and no more in time: context deadline exceeded`},
		{"drips", false, func(conn net.Conn) {
			for {
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
				<-time.After(600 * time.Millisecond)
			}
		}, "", greeting, "upstream_timeout: expected an answer that matches `^220 .* ESMTP`, got \"xx\" and no more in time: context deadline exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				serve := tt.serve
				if serve == nil {
					serve = func(net.Conn) { <-over }
				}
				e := &Endpoint{Network: "unix", Address: "s"}
				if tt.secured {
					e.TLS = ca.ClientConfig("localhost", nil)
				}
				begun := time.Now()
				err := inMemory(t, serve).Check(t.Context(), e, &Health{Timeout: time.Second, Send: tt.send, Expect: tt.expect})
				if got := errorText(err); got != tt.want {
					t.Errorf("check = %q, want %q", got, tt.want)
				}
				if took := time.Since(begun); took != time.Second {
					t.Errorf("it took %v of 1s", took)
				}
			})
		})
	}
}

// TestCheckConnectsLate: where the network is silent, that is the reason.
func TestCheckConnectsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dialer{Resolver: leadsTo("192.0.2.1", "192.0.2.2"), Unbound: dialWith(hang)}
		begun := time.Now()
		err := d.Check(t.Context(), &Endpoint{Network: "tcp", Address: "server.example:1"}, &Health{Timeout: time.Second})
		wantRefusal(t, err, policy.UpstreamTimeout)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it took %v of 1s", took)
		}
	})
}

// TestCheckWithoutTimeout: none is no limit.
func TestCheckWithoutTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := inMemory(t, func(conn net.Conn) {
			time.Sleep(time.Hour)
			says("", "220 late ESMTP\r\n")(conn)
		})
		if err := d.Check(t.Context(), &Endpoint{Network: "unix", Address: "s"}, &Health{Expect: regexp.MustCompile("220")}); err != nil {
			t.Error(err)
		}
	})
}

// TestCheckOfEndlessParting: a server that does not end its side has half a second for it, or what is left of the
// timeout, and is well.
func TestCheckOfEndlessParting(t *testing.T) {
	ca := testpki.New(t)
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		want    time.Duration
	}{{"half a second", 10 * time.Second, partTime}, {"what is left", 300 * time.Millisecond, 300 * time.Millisecond}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := make(chan struct{})
				defer close(over)
				d := &Dialer{Unbound: dialWith(func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() {
						defer far.Close()
						tls.Server(far, ca.ServerConfig(t, "localhost")).Handshake()
						go silence(far)
						<-over
					}()
					return halfPipe{near}, nil
				})}
				e := &Endpoint{Network: "unix", Address: "s", TLS: ca.ClientConfig("localhost", nil)}
				begun := time.Now()
				if err := d.Check(t.Context(), e, &Health{Timeout: tt.timeout}); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// halfPipe is a pipe that can be closed for writing, which nobody at the other end notices.
type halfPipe struct{ net.Conn }

func (halfPipe) CloseWrite() error { return nil }
