package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testNow is when the tests of what depends on the moment take place.
var testNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func testLoader() *Loader { return &Loader{Now: func() time.Time { return testNow }} }

// mustLoad loads files about which nothing may be wrong but warnings.
func mustLoad(t testing.TB, f Files) *Credentials {
	t.Helper()
	c, problems := testLoader().Load(f)
	if c == nil {
		t.Fatalf("Load(%+v): %v", f, problems)
	}
	return c
}

// render shows problems as `check` does, with paths relative to dir.
func render(dir string, problems []*FileError) []string {
	var lines []string
	for _, p := range problems {
		line := fmt.Sprintf("%s[%d]: %v", p.Part, p.Index, p)
		if p.Warning {
			line = "warning: " + line
		}
		if p.Hint != "" {
			line += " | " + p.Hint
		}
		lines = append(lines, strings.ReplaceAll(filepath.ToSlash(line), filepath.ToSlash(dir)+"/", ""))
	}
	return lines
}

func wantProblems(t *testing.T, dir string, f Files, want ...string) {
	t.Helper()
	c, problems := testLoader().Load(f)
	got := render(dir, problems)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	bad := false
	for _, p := range problems {
		bad = bad || !p.Warning
	}
	if (c == nil) != bad {
		t.Errorf("credentials %v beside these problems", c)
	}
}

// outcome is what both ends of a handshake saw.
type outcome struct {
	client, server       tls.ConnectionState
	clientErr, serverErr error
	served               *x509.Certificate
}

// servedConn notes which certificate was chosen for it.
type servedConn struct {
	net.Conn
	certificate *x509.Certificate
}

func (c *servedConn) ClientHello(*tls.ClientHelloInfo) {}

func (c *servedConn) CertificateServed(leaf *x509.Certificate) { c.certificate = leaf }

// loopback returns the two ends of a connection. It is a real one: over net.Pipe, which buffers
// nothing, a resumed TLS 1.3 handshake deadlocks, as both ends write at once.
func loopback(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// shake makes a handshake and passes one byte from the server to the client, behind which a TLS 1.3
// client has its ticket.
func shake(t testing.TB, server, client *tls.Config) outcome {
	t.Helper()
	clientEnd, serverEnd := loopback(t)
	deadline := time.Now().Add(30 * time.Second)
	clientEnd.SetDeadline(deadline)
	serverEnd.SetDeadline(deadline)
	conn := &servedConn{Conn: serverEnd}
	s, c := tls.Server(conn, server), tls.Client(clientEnd, client)
	var o outcome
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer serverEnd.Close()
		if o.serverErr = s.Handshake(); o.serverErr == nil {
			o.server = s.ConnectionState()
			_, o.serverErr = s.Write([]byte{1})
		}
	}()
	if o.clientErr = c.Handshake(); o.clientErr == nil {
		// In TLS 1.3 a client hears of its rejected certificate only when it reads.
		_, o.clientErr = c.Read(make([]byte, 1))
		o.client = c.ConnectionState()
	}
	clientEnd.Close()
	<-done
	o.served = conn.certificate
	return o
}
