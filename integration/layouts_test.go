//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// layouts are the ways of replacing files that need no program.
var layouts = []layout{
	{"edited in place", "", func(t *testing.T, root string, files map[string]string, changed ...string) {
		each(t, root, files, changed, func(path, content string) error { return os.WriteFile(path, []byte(content), 0o600) })
	}},
	{"edited in place, piece by piece", "", func(t *testing.T, root string, files map[string]string, changed ...string) {
		each(t, root, files, changed, func(path, content string) error { return writePieces(path, content, 64) })
	}},
	{"written and renamed", "", func(t *testing.T, root string, files map[string]string, changed ...string) {
		each(t, root, files, changed, func(path, content string) error { replace(t, path, content); return nil })
	}},
	{"deleted and made again", "", func(t *testing.T, root string, files map[string]string, changed ...string) {
		each(t, root, files, changed, func(path, content string) error {
			os.Remove(path)
			return os.WriteFile(path, []byte(content), 0o600)
		})
	}},
	{"Kubernetes volume", "volume", putVolume},
	{"directory flipped", "current", putRelease},
	{"certbot", "live", putArchive},
}

// each puts files into a directory one by one, in the order of their names.
func each(t *testing.T, dir string, files map[string]string, changed []string, put func(path, content string) error) {
	t.Helper()
	for _, name := range changed {
		path := filepath.Join(dir, name)
		content, stays := files[name]
		var err error
		if stays {
			err = put(path, content)
		} else {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// writePieces writes a file as a slow writer does.
func writePieces(path, content string, size int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for len(content) > 0 {
		n, err := f.WriteString(content[:min(size, len(content))])
		if err != nil {
			return err
		}
		content = content[n:]
	}
	return nil
}

// putVolume does what Kubernetes' kubelet does for Secrets and ConfigMaps: a directory of the time, a link ..data to it
// that is renamed over the one before, links to the files in it, and the directory before removed.
func putVolume(t *testing.T, root string, files map[string]string, _ ...string) {
	t.Helper()
	volume := filepath.Join(root, "volume")
	data := filepath.Join(volume, "..data")
	before, _ := os.Readlink(data)
	next := ".." + strconv.FormatInt(time.Now().UnixNano(), 10)
	must(t, os.MkdirAll(filepath.Join(volume, next), 0o755))
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(volume, next, name), []byte(content), 0o400))
	}
	must(t, os.Symlink(next, filepath.Join(volume, "..data_tmp")))
	must(t, os.Rename(filepath.Join(volume, "..data_tmp"), data))
	for name := range files {
		if _, err := os.Lstat(filepath.Join(volume, name)); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(volume, name)))
		}
	}
	links, _ := filepath.Glob(filepath.Join(volume, "[^.]*"))
	for _, link := range links {
		if files[filepath.Base(link)] == "" {
			must(t, os.Remove(link))
		}
	}
	if before != "" {
		must(t, os.RemoveAll(filepath.Join(volume, before)))
	}
}

// putRelease makes a directory with everything in it and flips the link that leads there; the one before stays.
func putRelease(t *testing.T, root string, files map[string]string, _ ...string) {
	t.Helper()
	release := filepath.Join(root, "releases", strconv.FormatInt(time.Now().UnixNano(), 10))
	must(t, os.MkdirAll(release, 0o755))
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(release, name), []byte(content), 0o600))
	}
	flip(t, release, filepath.Join(root, "current"))
}

// putArchive numbers the files in one directory and flips one link for each in another, as certbot does.
func putArchive(t *testing.T, root string, files map[string]string, changed ...string) {
	t.Helper()
	archive, live := filepath.Join(root, "archive"), filepath.Join(root, "live")
	must(t, os.MkdirAll(archive, 0o755))
	must(t, os.MkdirAll(live, 0o755))
	for _, name := range changed {
		old, _ := filepath.Glob(filepath.Join(archive, name+".*"))
		numbered := name + "." + strconv.Itoa(len(old)+1)
		if content, stays := files[name]; stays {
			must(t, os.WriteFile(filepath.Join(archive, numbered), []byte(content), 0o600))
			flip(t, "../archive/"+numbered, filepath.Join(live, name))
		} else {
			must(t, os.Remove(filepath.Join(live, name)))
		}
	}
}

// flip makes a symbolic link lead elsewhere, with no moment at which there is none.
func flip(t *testing.T, target, link string) {
	t.Helper()
	must(t, os.Symlink(target, link+".next"))
	must(t, os.Rename(link+".next", link))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLayouts replaces every kind of file in every ordinary way, and nobody tells sallyport. There are no periodic looks
// that would find what was not heard.
func TestLayouts(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, l, "0s")
			s.start(t)
			s.walk(t)
		})
	}
}

// walk changes every kind of file once and expects it to count.
func (s *site) walk(t *testing.T) {
	t.Helper()
	const steps = 10
	next := s.ca.Server(t, "localhost")
	s.change(t, map[string]string{"server.crt": string(next.CertPEM()), "server.key": string(next.KeyPEM(t))})
	s.waitServes(t, next)

	// Seconds apart, the key first: until both are there, the pair before is served.
	before, next := next, s.ca.Server(t, "localhost")
	s.change(t, map[string]string{"server.key": string(next.KeyPEM(t))})
	s.waitFails(t, "the key does not match the certificate")
	s.waitServes(t, before)
	s.change(t, map[string]string{"server.crt": string(next.CertPEM())})
	s.waitServes(t, next)

	revoked := s.user
	s.change(t, map[string]string{"ca.crl": string(s.ca.CRL(t, time.Time{}, time.Time{}, revoked))})
	s.waitRefuses(t, revoked)
	s.user = s.ca.Client(t, "alice")
	s.waitServes(t, next)

	// Everything of another CA. Files are replaced one by one, so that the group fits together only at the end.
	former := s.user
	s.ca = testpki.NewNamed(t, "second", testpki.Options{})
	s.user, next = s.ca.Client(t, "alice"), s.ca.Server(t, "localhost")
	s.change(t, map[string]string{
		"ca.crt": string(s.ca.PEM()), "ca.crl": string(s.ca.CRL(t, time.Time{}, time.Time{})),
		"server.crt": string(next.CertPEM()), "server.key": string(next.KeyPEM(t)),
	})
	s.waitServes(t, next)
	s.waitRefuses(t, former)

	s.change(t, map[string]string{"rules.toml": strings.Replace(siteRules, "cn:alice", "cn:bob", 1)})
	s.waitRefuses(t, s.user)
	s.change(t, map[string]string{"rules.toml": siteRules})
	s.waitServes(t, next)

	s.change(t, map[string]string{"p-20.toml": siteBlock}) // which is new
	s.waitRefuses(t, s.user)
	s.change(t, map[string]string{"p-20.toml": ""})
	s.waitServes(t, next)

	s.change(t, map[string]string{
		"config.toml": s.files["config.toml"] + expand(t, anotherPort, s.at),
		"p-10.toml":   siteMore,
	})
	s.waitEchoes(t, "another")

	if now := s.status(t); now.failure() != "" || now.Generation > 2*steps {
		t.Errorf("generation %d after %d changes; %s", now.Generation, steps, now.failure())
	}
}
