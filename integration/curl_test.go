//go:build integration

package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/testpki"
)

const download = 64 << 20 // bytes; far beyond every buffer on the way

// startHTTP returns the address of a plaintext web server: GET yields noise, POST the checksum of what was sent.
func startHTTP(t *testing.T) string {
	t.Helper()
	large := noise(download)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /large", func(w http.ResponseWriter, _ *http.Request) { w.Write(large) })
	mux.HandleFunc("GET /small", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.RemoteAddr) })
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		hash := sha256.New()
		io.Copy(hash, r.Body)
		io.WriteString(w, hex.EncodeToString(hash.Sum(nil)))
	})
	ln, err := net.Listen("tcp", freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go server.Serve(ln)
	t.Cleanup(func() { server.Close() })
	return ln.Addr().String()
}

func TestCurl(t *testing.T) {
	ca := newAuthority(t, "web CA")
	server := ca.server(t)
	secure := freeAddress(t)
	s := startSallyport(t, expand(t, `
[[application]]
name = "web"
certificate     = "${certificate}"
certificate_key = "${key}"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "https"
  listen = "${secure}"
  mode   = "auto-detect"
`, vars{"certificate": server.certificate, "key": server.key, "upstream": startHTTP(t), "secure": secure}))
	url := "https://localhost:" + portOf(t, secure)
	curl := func(t *testing.T, stdin io.Reader, args ...string) string {
		t.Helper()
		return client{stdin: stdin}.must(t, need(t, "curl"), plus([]string{"-sS", "--cacert", ca.file}, args...)...)
	}

	t.Run("large download", func(t *testing.T) {
		got := checksum(t, strings.NewReader(curl(t, nil, url+"/large")))
		if want := checksum(t, bytes.NewReader(noise(download))); got != want {
			t.Errorf("checksum %s, want %s", got, want)
		}
		s.wantRecord(t, fields{keyPort: "https", keyMode: modeTLS, keyVerdict: verdictAllow, keyBytesOut: atLeast(download)})
	})
	t.Run("large upload", func(t *testing.T) {
		got := curl(t, bytes.NewReader(noise(download)), "--data-binary", "@-", url+"/")
		if want := checksum(t, bytes.NewReader(noise(download))); got != want {
			t.Errorf("checksum %s, want %s", got, want)
		}
		s.wantRecord(t, fields{keyPort: "https", keyVerdict: verdictAllow, keyBytesIn: atLeast(download)})
	})
	t.Run("upload and download in plaintext", func(t *testing.T) {
		plain := "http://" + secure
		file := testpki.WriteFile(t, filepath.Join(t.TempDir(), "noise"), noise(download))
		if got, want := curl(t, nil, "-T", file, "-X", "POST", plain+"/"), checksum(t, bytes.NewReader(noise(download))); got != want {
			t.Errorf("upload: checksum %s, want %s", got, want)
		}
		s.wantRecord(t, fields{keyMode: modePlain, keyVersion: "", keyVerdict: verdictAllow, keyBytesIn: atLeast(download)})
		if got := len(curl(t, nil, plain+"/large")); got != download {
			t.Errorf("download: %d bytes", got)
		}
		s.wantRecord(t, fields{keyMode: modePlain, keyVerdict: verdictAllow, keyBytesOut: atLeast(download)})
	})
	t.Run("keep-alive", func(t *testing.T) {
		out := curl(t, nil, "-w", "%{num_connects}\n", url+"/small", url+"/small", url+"/small")
		lines := strings.Fields(out) // the address that the server saw, then the connections curl made, thrice
		if len(lines) != 6 || lines[1] != "1" || lines[3] != "0" || lines[5] != "0" {
			t.Fatalf("not one connection for three requests: %v", lines)
		}
		if lines[0] != lines[2] || lines[0] != lines[4] {
			t.Errorf("the server saw several connections: %v", lines)
		}
		s.wantRecord(t, fields{keyVerdict: verdictAllow, keyUpstreamLocal: lines[0]})
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		r := client{}.run(t, need(t, "curl"), "-sS", url+"/small")
		if r.code != 60 { // peer certificate cannot be authenticated
			t.Errorf("exit code %d, want 60\n%s", r.code, r.all)
		}
		s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "handshake_alert"})
	})
}
