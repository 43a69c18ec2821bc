//go:build integration

package integration

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestAddresses reaches ports over every kind of socket that a port can have, and a server over a UNIX socket.
func TestAddresses(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.server(t)
	dir := accountOf(t, "root").dir(t)
	path, upstream := filepath.Join(dir, "port.sock"), filepath.Join(dir, "server.sock")
	ln, err := net.Listen("unix", upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go echoAll(ln)
	dual, six := portOf(t, freeAddress(t)), portOf(t, freeAddress(t))
	s := startSallyport(t, expand(t, `
[[application]]
name = "echo"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "unix:${upstream}"
  [[application.port]]
  id     = "dual"
  listen = "[::]:${dual}"
  mode   = "auto-detect"
  [[application.port]]
  id     = "six"
  listen = "[::1]:${six}"
  mode   = "auto-detect"
  [[application.port]]
  id     = "unix"
  listen = "unix:${path}"
  mode   = "auto-detect"
`, vars{"certificate": server.certificate, "key": server.key, "upstream": upstream, "dual": dual, "six": six, "path": path}))

	for _, test := range []struct {
		name, network, address, port string
		source                       any
	}{
		{"IPv4 on a dual-stack port", "tcp", "127.0.0.1:" + dual, "dual", containing("127.0.0.1:")},
		{"IPv6 on a dual-stack port", "tcp", "[::1]:" + dual, "dual", containing("[::1]:")},
		{"IPv6", "tcp", "[::1]:" + six, "six", containing("[::1]:")},
		{"UNIX socket", "unix", path, "unix", "unix"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.DialTimeout(test.network, test.address, patience)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			exchange(t, conn, "hello\n")
			conn.Close()
			s.wantRecord(t, fields{
				keyPort: test.port, keyMode: modePlain, keyVerdict: verdictAllow, keySource: test.source,
				keyUpstream: containing(upstream), keyBytesIn: 6, keyBytesOut: 6,
			})
		})
	}
	s.terminate(t)
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the UNIX socket still accepts")
	}
}

func echoAll(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			buffer := make([]byte, 1024)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				conn.Write(buffer[:n])
			}
		}()
	}
}
