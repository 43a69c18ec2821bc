//go:build integration

package integration

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// sallyport is a running binary under test. Its methods are for the test's own goroutine.
type sallyport struct {
	*process
	config   string       // path of its file
	returned map[int]bool // lines of the log that were already returned as records
}

// launch is how the binary is started; the zero value is the ordinary way.
type launch struct {
	prefix []string // a command that starts it, such as prlimit with its options
	env    []string // added to the test's own
	policy string   // of the test's own; everybody is allowed everything if it is empty
}

// startSallyport starts the binary on a configuration and returns when it serves.
func startSallyport(t *testing.T, config string) *sallyport {
	t.Helper()
	return launch{}.start(t, config)
}

func (l launch) start(t *testing.T, config string) *sallyport {
	t.Helper()
	dir := accountOf(t, "root").dir(t)
	s := &sallyport{config: filepath.Join(dir, "config.toml"), returned: make(map[int]bool)}
	if l.policy != "" {
		config += policySection(config)
		replace(t, s.policyFile(), l.policy)
	}
	s.write(t, config)
	t.Cleanup(func() { s.wantSound(t) }) // runs when the process has been stopped
	command := append(l.prefix, binary(), "run", "--config", s.config)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), l.env...)
	s.process = start(t, cmd)
	s.waitReady(t)
	return s
}

// wantSound fails the test if the program found a defect in itself, whatever its clients saw.
func (s *sallyport) wantSound(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	for _, sign := range []string{"WARNING: DATA RACE", "panic", "internal_error"} {
		if strings.Contains(s.out.String(), sign) {
			t.Errorf("%q in the output:\n%s", sign, s.out.tail(100))
		}
	}
}

// binary returns the path of the program under test.
func binary() string { return os.Getenv(binaryVariable) }

// write replaces the configuration file. What every test wants of the log, the administrative socket and the policy stands behind the test's own text, so that line numbers are the test's.
func (s *sallyport) write(t *testing.T, config string) {
	t.Helper()
	if !strings.Contains(config, "[log]") {
		config += "\n[log]\nformat = \"json\"\n"
	}
	if !strings.Contains(config, "[admin]") {
		config += "\n[admin]\nlisten = \"unix:admin.sock\"\n"
	}
	if !strings.Contains(config, "[reload]") { // most tests say when, and what is in force until then
		config += "\n[reload]\nwatch = false\n"
	}
	if !strings.Contains(config, "[policy]") {
		replace(t, filepath.Join(filepath.Dir(s.config), "everybody.toml"), everybody(config))
		config += "\n[policy]\nfiles = [\"everybody.toml\"]\n"
	}
	replace(t, s.config, config)
}

// replace writes a file by renaming, as a careful administrator does.
func replace(t *testing.T, path, content string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

var applicationName = regexp.MustCompile(`(?s)\[\[application\]\].*?\bname = "([^"]+)"`)

// everybody is a policy that allows everything, for tests of something else.
func everybody(config string) string {
	var to []string
	for _, m := range applicationName.FindAllStringSubmatch(config, -1) {
		to = append(to, `"`+m[1]+`/*"`)
	}
	return `[[allow]]
id = "everybody"
from = ["any"]
to = [` + strings.Join(to, ", ") + `]
tls = "any"
owner = "test"
`
}

// command runs a subcommand of the binary on this instance's configuration.
func (s *sallyport) command(t *testing.T, args ...string) result {
	t.Helper()
	return client{}.run(t, binary(), append(args, "--config", s.config)...)
}

func (s *sallyport) waitReady(t *testing.T) {
	t.Helper()
	waitFor(t, "sallyport to be ready", func() bool {
		if !s.running() {
			t.Fatalf("sallyport ended with exit code %d before it was ready:\n%s", s.cmd.ProcessState.ExitCode(), s.out)
		}
		var quiet bytes.Buffer
		status := exec.Command(binary(), "status", "--config", s.config, "--json")
		status.Stdout, status.Stderr = io.Discard, &quiet
		return status.Run() == nil
	})
}

// reload has the configuration file read again and fails the test unless it is taken.
func (s *sallyport) reload(t *testing.T) {
	t.Helper()
	if r := s.command(t, "reload", "--wait"); r.code != 0 {
		t.Fatalf("reload: exit code %d\n%s", r.code, r.all)
	}
}

// terminate sends SIGTERM, expects exit code 0 and returns when the process is gone.
func (s *sallyport) terminate(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	if code := s.wait(t); code != 0 {
		t.Fatalf("exit code after SIGTERM: %d\n%s", code, s.out.tail(25))
	}
}

// vars are the values of ${name} in a configuration.
type vars map[string]string

// expand fills in the values; a name without one is a mistake in the test.
func expand(t *testing.T, text string, values vars) string {
	t.Helper()
	return os.Expand(text, func(name string) string {
		value, found := values[name]
		if !found {
			t.Fatalf("no value for ${%s} in the configuration", name)
		}
		return value
	})
}
