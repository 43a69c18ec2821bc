package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"os/exec"
	"strings"
	"testing"

	"sallyport/policy"
)

// TestOpenSSLKeyUpdate: OpenSSL updates its keys, asks for ours, and the conversation goes on.
func TestOpenSSLKeyUpdate(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here; TestWireKeyUpdate and TestWritersAtOnce forge the same records")
	}
	r := newRig(t, func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			conn.Write([]byte("heard " + lines.Text() + "\n"))
		}
	}).secure(tls.VersionTLS13).start()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	cmd := exec.CommandContext(ctx, openssl, "s_client", "-connect", r.address.String(), "-servername", "localhost")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(stdout)
	say := func(command, answer string) { // one at a time: openssl looks only at the first letter of what it reads
		if _, err := stdin.Write([]byte(command + "\n")); err != nil {
			t.Fatal(err)
		}
		waitForLine(t, answers, answer)
	}
	for _, line := range []string{"one", "two", "three"} {
		say(line, "heard "+line)
		say("K", "KEYUPDATE") // asks for ours as well
		say("k", "KEYUPDATE")
	}
	stdin.Write([]byte("Q\n"))
	if err := cmd.Wait(); err != nil {
		t.Errorf("openssl: %v", err)
	}
	r.wantRecord(KeyCloseReason, policy.EndOfStream, KeyBytesIn, len("one\ntwo\nthree\n"), KeyTLSVersion, "TLS 1.3")
}

func waitForLine(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), want) {
			return
		}
	}
	t.Fatalf("%q does not come", want)
}
