//go:build integration

package integration

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"sallyport/internal/testpki"
)

// reloadable is a sallyport whose certificate lies at a fixed path, so that it can be rotated.
type reloadable struct {
	*sallyport
	ca     *authority
	dir    string
	values vars
}

const reloadConfig = `
[[application]]
name = "echo"
certificate     = "${dir}/server.crt"
certificate_key = "${dir}/server.key"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
`

const anotherPort = `
  [[application.port]]
  id     = "another"
  listen = "${another}"
  mode   = "plaintext"
`

func startReloadable(t *testing.T) *reloadable {
	t.Helper()
	r := &reloadable{ca: newAuthority(t, "CA"), dir: t.TempDir()}
	r.values = vars{"dir": r.dir, "secure": freeAddress(t), "another": freeAddress(t)}
	r.rotate(t)
	r.sallyport = startSallyport(t, expand(t, reloadConfig, r.values))
	return r
}

// rotate puts a new certificate where the configuration expects it, and returns its serial number.
func (r *reloadable) rotate(t *testing.T) string {
	t.Helper()
	leaf := r.ca.Server(t, "localhost", "127.0.0.1")
	leaf.Write(t, r.dir, "server")
	return leaf.Certificate.SerialNumber.String()
}

// serial connects and returns the serial number of the certificate that is served.
func (r *reloadable) serial(t *testing.T) string {
	t.Helper()
	conn := r.ca.dialTLS(t, r.values["secure"], nil)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestReload(t *testing.T) {
	r := startReloadable(t)
	first := r.serial(t)
	established := r.ca.dialTLS(t, r.values["secure"], nil)
	exchange(t, established, "before\n")

	t.Run("certificate rotated, by command", func(t *testing.T) {
		next := r.rotate(t)
		if got := r.serial(t); got != first {
			t.Fatalf("serial %s before the reload, want %s", got, first)
		}
		r.reload(t)
		if got := r.serial(t); got != next {
			t.Errorf("serial %s after the reload, want %s", got, next)
		}
		exchange(t, established, "after the first reload\n")
	})
	t.Run("certificate rotated, by SIGHUP", func(t *testing.T) {
		next := r.rotate(t)
		r.signal(t, syscall.SIGHUP)
		waitFor(t, "the new certificate", func() bool { return r.serial(t) == next })
		exchange(t, established, "after the second reload\n")
	})
	t.Run("port added and removed", func(t *testing.T) {
		r.write(t, expand(t, reloadConfig+anotherPort, r.values))
		r.reload(t)
		conn := dial(t, r.values["another"], "")
		exchange(t, conn, "hello\n")
		r.write(t, expand(t, reloadConfig, r.values))
		r.reload(t)
		if accepts(r.values["another"]) {
			t.Error("a removed port accepts")
		}
		exchange(t, conn, "the session of the removed port goes on\n")
		conn.CloseWrite()
		r.wantRecord(t, fields{keyPort: "another", keyVerdict: verdictAllow, keyBytesIn: 46})
		exchange(t, established, "after the ports\n")
	})
	t.Run("still one session", func(t *testing.T) {
		established.Close()
		r.wantRecord(t, fields{keyPort: "secure", keyVerdict: verdictAllow, keyBytesIn: atLeast(60)})
	})
}

// TestReloadOfBrokenFiles expects that nothing changes and that everybody is told.
func TestReloadOfBrokenFiles(t *testing.T) {
	r := startReloadable(t)
	good := expand(t, reloadConfig, r.values)
	serial := r.serial(t)
	at := func(line string) string { return regexp.QuoteMeta(r.config) + ":" + line }
	tests := []struct {
		name   string
		config string
		spoil  func(t *testing.T)
		want   string // what the command says, a regular expression
	}{
		{name: "no TOML", config: "[[application]\n" + good, want: at(`1:\d+: `)},
		{name: "unknown key", config: strings.Replace(good, "primary =", "primry =", 1), want: at(`7:\d+: .*primry[\s\S]*did you mean "?primary`)},
		{name: "bad mode", config: strings.Replace(good, `mode   = "secure"`, `mode   = "open"`, 1), want: at(`11:\d+: `)},
		{name: "port that is taken", config: strings.Replace(good, r.values["secure"], taken(t), 1), want: at(`10:\d+: `)},
		{name: "certificate that is none", config: good, want: at(`4:\d+: `), spoil: func(t *testing.T) {
			testpki.WriteFile(t, filepath.Join(r.dir, "server.crt"), []byte("nonsense"))
		}},
		{name: "certificate that is gone", config: good, want: at(`4:\d+: `), spoil: func(t *testing.T) {
			os.Remove(filepath.Join(r.dir, "server.crt"))
		}},
		{name: "key of another certificate", config: good, want: at(`[45]:\d+: `), spoil: func(t *testing.T) {
			r.rotate(t)
			testpki.WriteFile(t, filepath.Join(r.dir, "server.key"), r.ca.Server(t, "localhost").KeyPEM(t))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r.write(t, test.config)
			if test.spoil != nil {
				test.spoil(t)
			}
			got := r.command(t, "reload", "--wait")
			if got.code == 0 {
				t.Error("exit code 0")
			}
			if !regexp.MustCompile(test.want).MatchString(got.all) {
				t.Errorf("the command says:\n%s\nwhich does not match %s", got.all, test.want)
			}
			if now := r.serial(t); now != serial {
				t.Errorf("another certificate is served: %s", now)
			}
		})
	}
	t.Run("recovers", func(t *testing.T) {
		next := r.rotate(t)
		r.write(t, good)
		r.reload(t)
		if got := r.serial(t); got != next {
			t.Errorf("serial %s, want %s", got, next)
		}
	})
}

// taken returns an address that somebody else listens on.
func taken(t *testing.T) string {
	t.Helper()
	return serve(t, func(*net.TCPConn) {})
}

// TestReloadUnderLoad connects without a pause while it reloads: no connection is lost.
func TestReloadUnderLoad(t *testing.T) {
	r := startReloadable(t)
	var stop atomic.Bool
	var served atomic.Int64
	failures := make(chan error, 10)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !stop.Load() {
				if err := session(r.values["secure"], r.ca.ClientConfig("localhost", nil)); err != nil {
					failures <- err
					return
				}
				served.Add(1)
			}
		})
	}
	for i := range 8 {
		r.rotate(t)
		text := reloadConfig
		if i%2 == 0 {
			text += anotherPort
		}
		r.write(t, expand(t, text, r.values))
		r.reload(t)
		before := served.Load()
		waitFor(t, "sessions after the reload", func() bool { return served.Load() > before+10 || len(failures) > 0 })
	}
	stop.Store(true)
	clients.Wait()
	close(failures)
	for err := range failures {
		t.Errorf("a connection was lost: %v", err)
	}
}

// session is a whole session, from connecting to the end.
func session(address string, config *tls.Config) error {
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 5))
	return err
}
