//go:build integration

package integration

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// account is the user that a program runs as: the named one if the test runs as root, the test's own otherwise.
type account struct {
	uid, gid    int
	user, group string
}

func accountOf(t *testing.T, name string) account {
	t.Helper()
	if os.Getuid() != 0 {
		name = strconv.Itoa(os.Getuid())
	}
	u, err := user.Lookup(name)
	if err != nil {
		u, err = user.LookupId(name)
	}
	if err != nil {
		t.Fatalf("user %s: %v", name, err)
	}
	group, err := user.LookupGroupId(u.Gid)
	if err != nil {
		t.Fatalf("group of %s: %v", name, err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return account{uid: uid, gid: gid, user: u.Username, group: group.Name}
}

// command prepares a program that runs as this account.
func (a account) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = os.TempDir() // the test's own may be closed to other users
	if os.Getuid() == 0 && a.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
	}
	return cmd
}

// dir makes a directory of the account's own; its path is short, since UNIX sockets are made in it.
func (a account) dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sp-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chown(dir, a.uid, a.gid)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mkdir makes a directory of the account's own.
func (a account) mkdir(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.Mkdir(path, 0o700), os.Chown(path, a.uid, a.gid)); err != nil {
		t.Fatal(err)
	}
}

// write puts a file of the account's own into the directory and returns its path.
func (a account) write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		t.Fatal(err)
	}
	return path
}
