//go:build integration

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// inMounts starts the binary where a script has mounted what it wants, in a mount namespace of its own.
func (s *site) inMounts(t *testing.T, script string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	need(t, "mount")
	s.start(t, unshare(t, "--mount", "--propagation", "private"), "--mount", "--propagation", "private", "/bin/sh", "-ec", script+"\nexec \"$@\"", "sh")
}

// unshare returns the program that makes namespaces, if it can make those of these flags here: in a container or a changed root
// it may not.
func unshare(t *testing.T, flags ...string) string {
	t.Helper()
	program := need(t, "unshare")
	if out, err := exec.Command(program, append(flags, "true")...).CombinedOutput(); err != nil {
		t.Skipf("no such namespace can be made here: %s", bytes.TrimSpace(out))
	}
	return program
}

// seen returns a path as the running program sees it.
func (s *site) seen(path string) string {
	return filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "root", path)
}

func writeOver(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) }

// TestSingleFileMounted mounts single files, as containers have them: the system reports nothing of what happens to them
// elsewhere.
func TestSingleFileMounted(t *testing.T) {
	s := newSite(t, layouts[0], "100ms")
	outside := accountOf(t, "root").dir(t)
	script := ""
	for _, name := range []string{"rules.toml", "config.toml"} {
		must(t, writeOver(filepath.Join(outside, name), s.files[name]))
		script += "mount --bind " + filepath.Join(outside, name) + " " + filepath.Join(s.root, name) + "\n"
	}
	s.inMounts(t, script)
	_, err := s.session(s.user)
	must(t, err)
	must(t, writeOver(filepath.Join(outside, "rules.toml"), strings.Replace(siteRules, "cn:alice", "cn:bob", 1)))
	s.waitRefuses(t, s.user)
	must(t, writeOver(filepath.Join(outside, "rules.toml"), siteRules+siteMore))
	must(t, writeOver(filepath.Join(outside, "config.toml"), s.files["config.toml"]+expand(t, anotherPort, s.at)))
	s.waitEchoes(t, "another")
}

// TestDiskFull runs out of room in the middle of writing: what was in force stays, until there is room and the file is
// written again.
func TestDiskFull(t *testing.T) {
	s := newSite(t, layouts[0], "0s")
	tight := filepath.Join(s.root, "tight")
	must(t, os.Mkdir(tight, 0o755))
	for _, name := range []string{"rules.toml", "server.crt"} { // which lie on a file system that is nearly full
		must(t, os.Remove(filepath.Join(s.root, name)))
		must(t, os.Symlink(filepath.Join("tight", name), filepath.Join(s.root, name)))
		must(t, writeOver(filepath.Join(s.root, name+".first"), s.files[name]))
	}
	s.inMounts(t, "cd "+s.root+"\nmount -t tmpfs -o size=64k none tight\ncp rules.toml.first tight/rules.toml\ncp server.crt.first tight/server.crt\n"+
		"head -c 1M /dev/zero >tight/ballast 2>/dev/null || true")
	before, err := s.session(s.user)
	must(t, err)

	// Emptying a file leaves room for one page, so each is cut after 4096 bytes.
	rules, certificate := s.seen(filepath.Join(tight, "rules.toml")), s.seen(filepath.Join(tight, "server.crt"))
	longRules := siteRules + "[[block]]\nid = \"many\"\naddresses = [\n"
	for i := range 600 {
		longRules += fmt.Sprintf("  \"10.%d.%d.1\",\n", i/200, i%200)
	}
	longRules += "]\n"
	next := s.ca.Server(t, "localhost")
	longCertificate := strings.Repeat("what openssl says of the certificate\n", 200) + string(next.CertPEM())
	for path, content := range map[string]string{rules: longRules, certificate: longCertificate} {
		if err := writeOver(path, content); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk is not full: %v", err)
		}
		s.waitFails(t, filepath.Base(path))
	}
	if got, err := s.session(s.user); err != nil || got != before {
		t.Errorf("certificate %q, %v, want %s", got, err, before)
	}

	must(t, os.Remove(s.seen(filepath.Join(tight, "ballast"))))
	must(t, writeOver(rules, longRules))
	must(t, writeOver(certificate, longCertificate))
	must(t, writeOver(filepath.Join(s.root, "server.key"), string(next.KeyPEM(t))))
	s.waitServes(t, next)
}

// TestUnreadable takes the right to read away for a moment, from a program that is not root.
func TestUnreadable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("another user's program needs root")
	}
	s := newSite(t, layouts[0], "0s")
	nobody := accountOf(t, "nobody")
	must(t, filepath.WalkDir(s.root, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody.uid, nobody.gid))
	}))
	s.start(t, need(t, "setpriv"), "--reuid="+strconv.Itoa(nobody.uid), "--regid="+strconv.Itoa(nobody.gid), "--clear-groups")
	for _, step := range []struct {
		name, file string
		take, give func(path string) error
	}{
		{"the mode of a file", "server.key", mode(0), mode(0o600)},
		{"the owner of a file", "rules.toml", func(path string) error { return os.Chown(path, 0, 0) }, func(path string) error {
			return os.Chown(path, nobody.uid, nobody.gid)
		}},
		{"the mode of the configuration", "config.toml", mode(0), mode(0o600)},
	} {
		t.Run(step.name, func(t *testing.T) {
			path := filepath.Join(s.root, step.file)
			before := s.status(t)
			must(t, step.take(path))
			next := s.ca.Server(t, "localhost")
			s.change(t, map[string]string{"server.crt": string(next.CertPEM()), "server.key": string(next.KeyPEM(t))})
			s.waitFails(t, "permission denied")
			if _, err := s.session(s.user); err != nil {
				t.Errorf("what was in force is not any more: %v", err)
			}
			must(t, step.give(path))
			s.waitServes(t, next)
			if now := s.status(t); now.Generation != before.Generation+1 {
				t.Errorf("generation %d, want %d", now.Generation, before.Generation+1)
			}
		})
	}
}

func mode(m os.FileMode) func(path string) error {
	return func(path string) error { return os.Chmod(path, m) }
}

// TestWatchLimit reaches the system's limits: it says so, and looks instead.
func TestWatchLimit(t *testing.T) {
	for _, test := range []struct{ name, limit, hint string }{
		{"watches", "max_inotify_watches", "raise the sysctl fs.inotify.max_user_watches"},
		{"instances", "max_inotify_instances", "raise the sysctl fs.inotify.max_user_instances"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := os.Stat("/proc/sys/user/" + test.limit); err != nil {
				t.Skip("this kernel has no such limit for a user namespace")
			}
			s := newSite(t, layouts[0], "100ms")
			s.start(t, unshare(t, "--user", "--map-root-user"), "--user", "--map-root-user", "/bin/sh", "-ec",
				"echo 0 >/proc/sys/user/"+test.limit+"\nexec \"$@\"", "sh")
			s.out.waitLine(t, test.hint)
			if now := s.status(t).Watch; now.Deaf == 0 || now.Error == "" {
				t.Errorf("status says nothing of it: %+v", now)
			}
			if said := s.command(t, "status").stdout; !strings.Contains(said, "CANNOT BE WATCHED") {
				t.Errorf("the command says nothing of it:\n%s", said)
			}
			next := s.ca.Server(t, "localhost")
			s.change(t, map[string]string{"server.crt": string(next.CertPEM()), "server.key": string(next.KeyPEM(t))})
			s.waitServes(t, next)
			s.change(t, map[string]string{"p-20.toml": siteBlock})
			s.waitRefuses(t, s.user)
		})
	}
}
