//go:build integration

package integration

import (
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// site is a sallyport whose files, its configuration too, lie in a layout and are watched there.
type site struct {
	*sallyport
	adminSocket
	layout layout
	root   string
	files  map[string]string // by name, what they are to contain
	at     vars
	ca     *testpki.CA
	user   *testpki.Leaf
}

// layout is a way in which files lie somewhere and are replaced.
type layout struct {
	name string
	base string // where the configuration finds them, in the site's directory; "" is the directory itself
	// put makes files be what they are to be; what is not in files is to go. The first time it names all of them.
	put func(t *testing.T, root string, files map[string]string, changed ...string)
}

const siteConfig = `
[host]
state_dir = "${root}/state"
[policy]
files = ["rules.toml", "p-*.toml"]
[reload]
recheck = "${recheck}"
[log]
format = "json"
[admin]
listen = "unix:${root}/admin.sock"
[[application]]
name = "echo"
certificate     = "server.crt"
certificate_key = "server.key"
trusted_ca      = "ca.crt"
crl             = "ca.crl"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "mutual"
  listen = "${mutual}"
  mode   = "secure"
  client_auth = "require"
`

const (
	siteRules = `
[[client]]
name = "users"
identities = ["cn:alice"]
[[allow]]
id = "mutual"
from = ["users"]
to = ["echo/mutual"]
tls = "required"
owner = "test"
`
	siteMore = `
[[allow]]
id = "another"
from = ["any"]
to = ["echo/another"]
tls = "any"
owner = "test"
`
	siteBlock = `
[[block]]
id = "here"
addresses = ["127.0.0.1"]
`
	siteNothing = "# nothing yet\n"
)

// newSite lays the files out. They are looked at by events alone, unless an interval is given.
func newSite(t *testing.T, l layout, recheck string) *site {
	t.Helper()
	s := &site{layout: l, root: accountOf(t, "root").dir(t), ca: testpki.NewNamed(t, "first", testpki.Options{})}
	s.adminSocket = adminSocket(filepath.Join(s.root, "admin.sock"))
	s.at = vars{"root": s.root, "mutual": freeAddress(t), "another": freeAddress(t), "recheck": recheck}
	s.user = s.ca.Client(t, "alice")
	server := s.ca.Server(t, "localhost")
	s.files = map[string]string{
		"config.toml": expand(t, siteConfig, s.at), "rules.toml": siteRules, "p-10.toml": siteNothing,
		"server.crt": string(server.CertPEM()), "server.key": string(server.KeyPEM(t)),
		"ca.crt": string(s.ca.PEM()), "ca.crl": string(s.ca.CRL(t, time.Time{}, time.Time{})),
	}
	l.put(t, s.root, s.files, slices.Sorted(maps.Keys(s.files))...)
	s.sallyport = &sallyport{config: filepath.Join(s.root, l.base, "config.toml"), returned: make(map[int]bool)}
	return s
}

// start starts the binary, by another command if one is given, and returns when it serves and watches.
func (s *site) start(t *testing.T, prefix ...string) {
	t.Helper()
	t.Cleanup(func() { s.wantSound(t) })
	command := append(prefix, binary(), "run", "--config", s.config)
	s.process = start(t, exec.Command(command[0], command[1:]...))
	t.Cleanup(func() {
		if t.Failed() { // the process's own output is full of sessions
			t.Logf("what it said of reloads:\n%s", strings.Join(linesWithout(s.sallyport, `"msg":"session"`), "\n"))
		}
	})
	s.waitUp(t, "sallyport", func() bool {
		now, err := s.ask()
		return err == nil && now.Watch.Files > 0
	})
}

// change replaces files in the way of the layout; what is to contain nothing goes.
func (s *site) change(t *testing.T, contents map[string]string) {
	t.Helper()
	for name, content := range contents {
		if content == "" {
			delete(s.files, name)
		} else {
			s.files[name] = content
		}
	}
	s.layout.put(t, s.root, s.files, slices.Sorted(maps.Keys(contents))...)
}

// session has a session on the mutual port and returns the serial number of the certificate that was served.
func (s *site) session(user *testpki.Leaf) (serial string, err error) {
	conn, err := tls.Dial("tcp", s.at["mutual"], s.ca.ClientConfig("localhost", user))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
		return "", err
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// waitServes waits until a session of the user succeeds and shows a certificate.
func (s *site) waitServes(t *testing.T, server *testpki.Leaf) {
	t.Helper()
	want, got := server.Certificate.SerialNumber.String(), ""
	var err error
	defer func() {
		if t.Failed() {
			t.Logf("last: serial %q, %v", got, err)
		}
	}()
	waitFor(t, "certificate "+want, func() bool {
		got, err = s.session(s.user)
		return err == nil && got == want
	})
}

// waitRefuses waits until a user is refused, and not only because nobody is there.
func (s *site) waitRefuses(t *testing.T, user *testpki.Leaf) {
	t.Helper()
	waitFor(t, "a refusal", func() bool {
		_, err := s.session(user)
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && accepts(s.at["mutual"])
	})
}

// waitFails waits until the latest reload is one that failed for a reason with a text in it.
func (s *site) waitFails(t *testing.T, text string) {
	t.Helper()
	waitFor(t, "a failure with "+text, func() bool { return containing(text)(s.status(t).failure()) })
}

// waitEchoes waits until a plaintext port serves.
func (s *site) waitEchoes(t *testing.T, port string) {
	t.Helper()
	waitFor(t, port+" to serve", func() bool {
		conn, err := net.DialTimeout("tcp", s.at[port], patience)
		if err != nil {
			return false
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		return echoes(conn)
	})
}

// linesWithout returns the lines of the log that do not contain a text.
func linesWithout(s *sallyport, text string) []string {
	lines, _ := s.out.since(0)
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.Contains(line, text) })
}
