//go:build integration

package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

var givenAddresses sync.Map // by freeAddress

// freeAddress returns a loopback address nobody listens on. Its port lies below the ephemeral range, where no
// kernel-chosen client port can take it in the meantime. It is not returned again.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 200 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(11000+rand.IntN(21000)))
		ln, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		ln.Close()
		if _, taken := givenAddresses.LoadOrStore(address, true); !taken {
			return address
		}
	}
	t.Fatal("no free port below 32768")
	return ""
}

// portOf returns the port of an address as a string.
func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// serve accepts connections on loopback until the test ends and hands each to handle, which owns it. It returns its address.
func serve(t *testing.T, handle func(*net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, ln, handle)
	return ln.Addr().String()
}

// serveOn is serve on a socket that is there already.
func serveOn(t *testing.T, ln net.Listener, handle func(*net.TCPConn)) {
	t.Helper()
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(3 * patience)) // nothing here outlives a test
			sessions.Go(func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		sessions.Wait()
	})
}

// echo is a handler for serve: bytes go back as they come, the half-close too.
func echo(conn *net.TCPConn) {
	io.Copy(conn, conn)
	conn.CloseWrite()
}

// dial connects from a loopback source address, any if empty; the connection has a deadline and ends with the test.
func dial(t *testing.T, address, source string) *net.TCPConn {
	t.Helper()
	conn, err := tryDial(t, address, source)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// tryDial is dial for where a refusal may come so fast that connecting fails with it.
func tryDial(t *testing.T, address, source string) (*net.TCPConn, error) {
	t.Helper()
	dialer := net.Dialer{Timeout: patience}
	if source != "" {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0))
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(3 * patience))
	return conn.(*net.TCPConn), nil
}

// exchange sends a message and expects it back.
func exchange(t *testing.T, conn net.Conn, message string) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(3 * patience))
	if _, err := io.WriteString(conn, message); err != nil {
		t.Fatalf("send %q: %v", message, err)
	}
	back := make([]byte, len(message))
	if _, err := io.ReadFull(conn, back); err != nil {
		t.Fatalf("answer to %q: %v", message, err)
	}
	if string(back) != message {
		t.Fatalf("answer to %q: %q", message, back)
	}
}

// noise returns n bytes that do not compress and do not repeat, the same ones every time.
func noise(n int) []byte {
	bytes := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(bytes)
	return bytes
}

// checksum returns the SHA-256 of all that r yields, in hexadecimal, as sha256sum prints it.
func checksum(t *testing.T, r io.Reader) string {
	t.Helper()
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// accepts reports whether a TCP connection to the address can be made.
func accepts(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// readAll returns the contents of the files that a pattern names, in the order of their names.
func readAll(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var contents []string
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	return contents
}
