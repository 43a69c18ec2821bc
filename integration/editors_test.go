//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// editor is a program that makes a file contain what another one does.
type editor struct {
	name string
	edit func(t *testing.T, file, wanted string)
}

var editors = []editor{
	// vim writes a swap file, with backupcopy=auto a file called 4913 to try the directory, and either renames the file away
	// and writes a new one, or copies it away and writes over it.
	{"vim, backup by renaming", vim("set writebackup backupcopy=no")},
	{"vim, backup by copying", vim("set writebackup backupcopy=yes")},
	{"vim, backup kept", vim("set backup backupcopy=auto")},
	{"vim, no backup", vim("set nowritebackup nobackup")},
	{"emacs, backup by renaming", emacs("nil")},
	{"emacs, backup by copying", emacs("t")},
	{"nano", nano},
	{"ed", func(t *testing.T, file, wanted string) {
		client{stdin: strings.NewReader(",d\nr " + wanted + "\nw\nq\n")}.must(t, need(t, "ed"), "-s", file)
	}},
	{"sed -i", func(t *testing.T, file, wanted string) {
		client{}.must(t, need(t, "sed"), "-i", "-e", "$r "+wanted, "-e", "d", file)
	}},
	{"rsync", onto("rsync", "--ignore-times")},
	{"rsync --inplace", onto("rsync", "--ignore-times", "--inplace", "--no-whole-file")},
	{"cp", onto("cp")},
	{"cp --remove-destination", onto("cp", "--remove-destination")},
	{"cp --preserve --backup", onto("cp", "--preserve=all", "--backup=numbered")},
	{"install", onto("install", "-m", "600")},
	{"dd", func(t *testing.T, file, wanted string) {
		client{}.must(t, need(t, "dd"), "if="+wanted, "of="+file, "bs=100", "status=none")
	}},
	{"mv from another file system", func(t *testing.T, file, wanted string) {
		far, err := os.MkdirTemp("/dev/shm", "sp-")
		must(t, err)
		defer os.RemoveAll(far)
		client{}.must(t, need(t, "cp"), wanted, filepath.Join(far, "wanted"))
		client{}.must(t, need(t, "mv"), filepath.Join(far, "wanted"), file)
	}},
}

func vim(settings string) func(t *testing.T, file, wanted string) {
	return func(t *testing.T, file, wanted string) {
		t.Helper()
		client{}.must(t, need(t, "vim"), "-Nu", "NONE", "-i", "NONE", "-es", "-c", settings, "-c", "%!cat "+wanted, "-c", "wq", file)
	}
}

func emacs(copying string) func(t *testing.T, file, wanted string) {
	return func(t *testing.T, file, wanted string) {
		t.Helper()
		client{env: []string{"HOME=" + filepath.Dir(file)}}.must(t, need(t, "emacs"), "-Q", "--batch", "--eval",
			`(progn (setq backup-by-copying `+copying+` create-lockfiles t) (find-file "`+file+`")
			(erase-buffer) (insert-file-contents "`+wanted+`") (save-buffer))`)
	}
}

// onto is for programs that copy one file onto another.
func onto(program string, options ...string) func(t *testing.T, file, wanted string) {
	return func(t *testing.T, file, wanted string) {
		t.Helper()
		client{}.must(t, need(t, program), append(options, wanted, file)...)
	}
}

// nano is typed at, on a terminal: it has no other way.
func nano(t *testing.T, file, wanted string) {
	t.Helper()
	cmd := exec.Command(need(t, "script"), "-qec", need(t, "nano")+" --ignorercfiles --backup "+file, "/dev/null")
	cmd.Env = append(os.Environ(), "TERM=xterm")
	keys, err := cmd.StdinPipe()
	must(t, err)
	defer keys.Close()
	p := start(t, cmd)
	waitFor(t, "nano's screen", func() bool { return strings.Contains(p.out.String(), "GNU nano") })
	// cut everything, insert the file, write out under the same name, exit
	_, err = keys.Write([]byte("\x1bt" + "\x12" + wanted + "\r" + "\x0f\r" + "\x18"))
	must(t, err)
	if code := p.wait(t); code != 0 {
		t.Fatalf("nano: exit code %d", code)
	}
}

// TestEditors has real programs edit the files that count.
func TestEditors(t *testing.T) {
	for _, e := range editors {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, layout{name: e.name, put: func(t *testing.T, root string, files map[string]string, changed ...string) {
				each(t, root, files, changed, func(path, content string) error {
					if _, err := os.Stat(path); err != nil {
						return os.WriteFile(path, []byte(content), 0o600)
					}
					wanted := filepath.Join(t.TempDir(), "wanted")
					must(t, os.WriteFile(wanted, []byte(content), 0o600))
					e.edit(t, path, wanted)
					if got, err := os.ReadFile(path); err != nil || string(got) != content {
						t.Fatalf("the editor did not edit %s: %v\n%s", path, err, got)
					}
					return nil
				})
			}}, "0s")
			s.start(t)
			s.stroll(t)
		})
	}
}

// stroll changes the kinds of files that people edit by hand.
func (s *site) stroll(t *testing.T) {
	t.Helper()
	next := s.ca.Server(t, "localhost")
	s.change(t, map[string]string{"server.crt": string(next.CertPEM()), "server.key": string(next.KeyPEM(t))})
	s.waitServes(t, next)
	former := s.user
	s.change(t, map[string]string{"ca.crl": string(s.ca.CRL(t, time.Time{}, time.Time{}, former))})
	s.waitRefuses(t, former)
	s.user = s.ca.Client(t, "alice")
	s.change(t, map[string]string{"p-10.toml": siteBlock})
	s.waitRefuses(t, s.user)
	s.change(t, map[string]string{"p-10.toml": siteMore, "config.toml": s.files["config.toml"] + expand(t, anotherPort, s.at)})
	s.waitEchoes(t, "another")
	s.waitServes(t, next)
	if now := s.status(t); now.failure() != "" || now.Generation > 10 {
		t.Errorf("generation %d after 4 changes; %s", now.Generation, now.failure())
	}
}
