//go:build integration

package integration

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sallyport/internal/testpki"
)

// soakVariable makes the storms long when it is 1; `make soak` sets it.
const soakVariable = "SALLYPORT_SOAK"

// storms returns how much of something a storm has: bounded for every day, or long.
func storms(usual, soak int) int {
	if os.Getenv(soakVariable) == "1" {
		return soak
	}
	return usual
}

// storm is a sallyport that is reloaded again and again, half of the time with files that are broken.
type storm struct {
	*sallyport
	adminSocket
	dir   string
	at    vars
	ca    *testpki.CA
	text  string            // of the configuration
	rules string            // with the id "all", which changes
	files map[string]string // as they are
	good  map[string]string // as they were when they were good last
}

const stormConfig = `
[host]
certificate = "server.crt"
certificate_key = "server.key"
[policy]
files = ["rules.toml"]
[reload]
watch = ${watch}
[log]
format = "json"
[admin]
listen = "unix:admin.sock"
[[application]]
name = "echo"
  [application.upstream]
  primary = "${upstream}"
  [[application.port]]
  id     = "secure"
  listen = "${secure}"
  mode   = "secure"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"
  [[application.port]]
  id     = "auto"
  listen = "${auto}"
  mode   = "auto-detect"
`

const stormRules = `
[[allow]]
id = "all"
from = ["any"]
to = ["echo/secure", "echo/plain", "echo/auto"]
tls = "any"
owner = "test"
[[test]]
from = "127.0.0.1:20001"
to = "echo/plain"
expect = "allow"
`

// startStorm starts a sallyport that can hold so many sessions.
func startStorm(t *testing.T, upstream string, watch bool, sessions int) *storm {
	t.Helper()
	s := newStorm(t, upstream, watch)
	s.mend(t, 0)
	s.run(t, descriptors(t, 3*sessions+1000)...) // two a session, and the reserve that the program wants
	return s
}

// newStorm prepares a storm without its files.
func newStorm(t *testing.T, upstream string, watch bool) *storm {
	t.Helper()
	s := &storm{dir: accountOf(t, "root").dir(t), ca: testpki.NewNamed(t, "CA", testpki.Options{}), text: stormConfig, rules: stormRules}
	s.adminSocket = adminSocket(filepath.Join(s.dir, "admin.sock"))
	s.at = vars{"watch": strconv.FormatBool(watch), "upstream": upstream, "taken": taken(t)}
	for _, port := range []string{"secure", "plain", "auto", "another"} {
		s.at[port] = freeAddress(t)
	}
	s.sallyport = &sallyport{config: filepath.Join(s.dir, "config.toml"), returned: make(map[int]bool)}
	return s
}

// run starts the binary, by another command if one is given, and returns when it serves.
func (s *storm) run(t *testing.T, prefix ...string) {
	t.Helper()
	t.Cleanup(func() { s.wantSound(t) })
	command := append(prefix, binary(), "run", "--config", s.config)
	s.process = start(t, exec.Command(command[0], command[1:]...))
	s.waitUp(t, "sallyport", func() bool { _, err := s.ask(); return err == nil })
}

// descriptors lets this process have so many files open, and returns the command that lets another.
func descriptors(t *testing.T, n int) []string {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < uint64(n) {
		limit.Cur, limit.Max = uint64(n), max(limit.Max, uint64(n))
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Skipf("this needs %d open files (ulimit -n): %v", n, err)
		}
	}
	return []string{need(t, "prlimit"), fmt.Sprintf("--nofile=%d:%d", n, max(limit.Max, uint64(n)))}
}

// put makes the directory's files be these, by renaming; those that are not among them go.
func (s *storm) put(t *testing.T, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if s.files[name] != files[name] {
			replace(t, filepath.Join(s.dir, name), files[name])
		}
	}
	for name := range s.files {
		if _, stays := files[name]; !stays {
			must(t, os.Remove(filepath.Join(s.dir, name)))
		}
	}
	s.files = files
}

// mend makes the files good again, and other ones than before: the n-th time another certificate, policy and set of ports.
func (s *storm) mend(t *testing.T, n int) {
	t.Helper()
	next := map[string]string{"server.crt": s.good["server.crt"], "server.key": s.good["server.key"]}
	if n%3 == 0 {
		leaf := s.ca.Server(t, "localhost")
		next["server.crt"], next["server.key"] = string(leaf.CertPEM()), string(leaf.KeyPEM(t))
	}
	next["rules.toml"] = strings.Replace(s.rules, `"all"`, fmt.Sprintf(`"all-%d"`, n), 1)
	next["config.toml"] = expand(t, s.text, s.at)
	if n%2 == 0 {
		next["config.toml"] += expand(t, anotherPort, s.at)
	}
	s.good = next
	s.put(t, next)
}

// spoils are what can be wrong with the files, and what is said about it.
var spoils = []struct {
	file, want string
	spoil      func(s *storm, content string) string // nothing: the file goes
}{
	{"config.toml", "config.toml:1:", func(_ *storm, content string) string { return "[[broken" + content }},
	{"rules.toml", "expected deny and got allow", func(_ *storm, content string) string {
		return strings.Replace(content, `expect = "allow"`, `expect = "deny"`, 1)
	}},
	{"server.key", "the key does not match", nil},
	{"config.toml", "listen", func(s *storm, content string) string {
		return strings.Replace(content, s.at["plain"], s.at["taken"], 1)
	}},
	{"server.crt", "server.crt", func(*storm, string) string { return "" }},
	{"rules.toml", "rules.toml", func(*storm, string) string { return "" }},
}

// breakFiles spoils one of the files, the n-th time in another way, and returns what is to be said about it.
func (s *storm) breakFiles(t *testing.T, n int) (want string) {
	t.Helper()
	spoilt := spoils[n%len(spoils)]
	files := maps.Clone(s.good)
	switch {
	case spoilt.spoil == nil:
		files[spoilt.file] = string(s.ca.Server(t, "localhost").KeyPEM(t))
	default:
		if files[spoilt.file] = spoilt.spoil(s, files[spoilt.file]); files[spoilt.file] == "" {
			delete(files, spoilt.file)
		}
	}
	s.put(t, files)
	return spoilt.want
}

// reload asks for a reload and returns its problems.
func (path adminSocket) reload(t *testing.T) (problems string) {
	t.Helper()
	code, text, err := path.post("/api/v1/reload")
	if err != nil || code != http.StatusOK && code != http.StatusUnprocessableEntity {
		t.Fatalf("reload: %d %v\n%s", code, err, text)
	}
	if code == http.StatusOK {
		return ""
	}
	return text
}

// turn reloads once, the even times with good files and the odd ones with broken files.
func (s *storm) turn(t *testing.T, n int) {
	t.Helper()
	if n%2 == 0 {
		s.mend(t, n/2)
		if problems := s.adminSocket.reload(t); problems != "" {
			t.Fatalf("reload %d: %s", n, problems)
		}
		return
	}
	want := s.breakFiles(t, n/2)
	if problems := s.adminSocket.reload(t); !strings.Contains(problems, want) {
		t.Fatalf("reload %d with broken files says %q, want %q", n, problems, want)
	}
}
