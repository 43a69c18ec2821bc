//go:build integration

package integration

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The attributes of a record that tell of the policy; see the list in record_test.go.
const (
	keyRule         = "rule"
	keyNearest      = "nearest"
	keyFailed       = "failed_condition"
	keyHint         = "hint"
	keyLocked       = "locked_until"
	keyIdentities   = "peer_identities"
	keyUnverified   = "peer_subject_unverified"
	keyDenialReason = "denial_reason"
	keyDenialRule   = "denial_rule"
	keyGeneration   = "generation"
	verdictAudit    = "audit-deny"
)

// startPoliced starts the binary under a policy of the test's own.
func startPoliced(t *testing.T, config, policy string) *sallyport {
	t.Helper()
	return launch{policy: policy}.start(t, config)
}

// policySection names the policy of the test's own in a configuration that does not do so itself.
func policySection(config string) string {
	if strings.Contains(config, "[policy]") {
		return ""
	}
	return "\n[policy]\nfiles = [\"policy.toml\"]\n"
}

// policyFile returns the path of the policy of the test's own.
func (s *sallyport) policyFile() string { return s.beside("policy.toml") }

// beside returns the path of a file in the directory of the configuration.
func (s *sallyport) beside(name string) string { return filepath.Join(filepath.Dir(s.config), name) }

// enforce replaces the policy and fails the test unless it is taken.
func (s *sallyport) enforce(t *testing.T, policy string) {
	t.Helper()
	replace(t, s.policyFile(), policy)
	s.reload(t)
}

// dialFrom connects from exactly this address and source port, as a client with a client-side port definition does. A
// refusal can be so quick that connecting fails with it; the connection is nil then.
func dialFrom(t *testing.T, address, source string) net.Conn {
	t.Helper()
	dialer := net.Dialer{
		Timeout:   patience,
		LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source)),
		// The port may wait for stray packets of its connection before this one.
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			controlled := c.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
			})
			return errors.Join(controlled, err)
		},
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(3 * patience))
	return conn
}

// wantServed expects that a connection reaches the echo, and ends it.
func wantServed(t *testing.T, conn net.Conn) {
	t.Helper()
	if conn == nil {
		t.Fatal("refused")
	}
	exchange(t, conn, "hello\n")
	conn.Close()
}

// wantRefused expects that a connection ends without a byte, whatever is sent.
func wantRefused(t *testing.T, conn net.Conn) {
	t.Helper()
	if conn == nil {
		return
	}
	io.WriteString(conn, "hello\n")
	answer, err := io.ReadAll(conn)
	if len(answer) > 0 {
		t.Errorf("%q came back", answer)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection was left hanging")
	}
	conn.Close()
}
