package certs

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
)

// develop runs Development, which must work, and returns the base names of what it wrote.
func develop(t *testing.T, dir string, names []string, now time.Time) (Files, []string) {
	t.Helper()
	files, created, err := Development(dir, names, now)
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range created {
		created[i] = filepath.Base(path)
	}
	return files, created
}

func TestDevelopment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, ok := DevelopmentFiles(dir); ok || exists(dir) {
		t.Fatal("DevelopmentFiles found or made something")
	}
	files, created := develop(t, dir, []string{"CTI-east-1", "10.1.2.3", "cti-east-1."}, testNow)
	want := []string{"dev-ca.key", "dev-ca.crt", "host.key", "host.crt", "client.key", "client.crt"}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if again, ok := DevelopmentFiles(dir); !ok || !cmp.Equal(again, files) {
		t.Errorf("DevelopmentFiles: %v, %v; want %v", again, ok, files)
	}
	wantModes(t, dir)

	c := mustLoad(t, files)
	host := c.Certificates[0]
	if diff := cmp.Diff([]string{"cti-east-1", "localhost", "10.1.2.3", "127.0.0.1", "::1"}, host.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if life := host.Leaf.NotAfter.Sub(testNow); life != 397*24*time.Hour {
		t.Errorf("the host certificate lives for %v", life)
	}
	client := mustLoad(t, Files{
		Purpose: ForClient, TrustedCA: files.TrustedCA,
		Certificates: []string{filepath.Join(dir, "client.crt")}, Keys: []string{filepath.Join(dir, "client.key")},
	})
	r := Resumption{Now: func() time.Time { return testNow }}
	o := shake(t, r.Server("p", Server{Default: c, ClientAuth: AuthRequire}),
		r.Client("u", Client{ServerName: "localhost", Trust: client.Trust, Certificates: client.Certificates}))
	if o.clientErr != nil || o.serverErr != nil || o.server.PeerCertificates[0].Subject.CommonName != "sallyport development client" {
		t.Errorf("mutual TLS: client %v, server %v", o.clientErr, o.serverErr)
	}
}

func wantModes(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	got := map[string]os.FileMode{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = info.Mode()
	}
	want := map[string]os.FileMode{
		"dev-ca.crt": 0o644, "dev-ca.key": 0o600, "host.crt": 0o644, "host.key": 0o600,
		"client.crt": 0o644, "client.key": 0o600, ".dev-ca.lock": 0o600,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}

func TestDevelopmentRenews(t *testing.T) {
	remove := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string)
		names  []string
		after  time.Duration
		want   []string
	}{
		{"nothing changed", nil, []string{"a"}, time.Hour, nil},
		{"more than 30 days left", nil, []string{"a"}, 366 * 24 * time.Hour, nil},
		{"less than 30 days left", nil, []string{"a"}, 368 * 24 * time.Hour, []string{"host.crt", "client.crt"}},
		{"other names", nil, []string{"a", "b"}, 0, []string{"host.crt"}},
		{"certificate lost", remove("host.crt"), []string{"a"}, 0, []string{"host.crt"}},
		{"pair lost", remove("client.crt", "client.key"), []string{"a"}, 0, []string{"client.key", "client.crt"}},
		{"key lost", remove("host.key"), []string{"a"}, 0, []string{"host.key", "host.crt"}},
		{"CA lost", remove("dev-ca.crt", "dev-ca.key"), []string{"a"}, 0, []string{"dev-ca.key", "dev-ca.crt", "host.crt", "client.crt"}},
		{"crash between the CA's key and certificate", remove("dev-ca.crt", "host.crt", "host.key", "client.crt", "client.key"), []string{"a"}, 0,
			[]string{"dev-ca.crt", "host.key", "host.crt", "client.key", "client.crt"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			develop(t, dir, []string{"a"}, testNow)
			if tt.change != nil {
				tt.change(t, dir)
			}
			now := testNow.Add(tt.after)
			files, created := develop(t, dir, tt.names, now)
			if diff := cmp.Diff(tt.want, created); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
			if c, problems := (&Loader{Now: func() time.Time { return now }}).Load(files); c == nil || len(problems) > 0 {
				t.Errorf("the result does not load: %v", problems)
			}
		})
	}
}

func TestDevelopmentRefuses(t *testing.T) {
	const mend = ": repair it, or remove it with its other half to have both made anew"
	spoil := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { testpki.WriteFile(t, filepath.Join(dir, name), []byte(text)) }
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string)
		names  []string
		after  time.Duration
		want   string
	}{
		{"CA damaged", spoil("dev-ca.crt", "x"), nil, 0, "dev-ca.crt: contains no PEM block" + mend},
		{"CA key damaged", spoil("dev-ca.key", ""), nil, 0, "dev-ca.key: is empty" + mend},
		{"host damaged", spoil("host.crt", "-----BEGIN CERTIFICATE-----\n"), nil, 0, "host.crt: the PEM block at line 1 is damaged" + mend},
		{"CA's key gone, when it is needed", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "dev-ca.key")) }, []string{"b"}, 0,
			"dev-ca.key is missing, and certificates cannot be issued without it: restore it, or remove dev-ca.crt too to begin anew"},
		{"the user's own pair", func(t *testing.T, dir string) { testpki.New(t).Server(t, "x").Write(t, dir, "host") }, nil, 0,
			"host.crt is not a certificate of a development CA: move it with its key elsewhere and name them in the configuration"},
		{"key of another", func(t *testing.T, dir string) {
			os.Rename(filepath.Join(dir, "client.key"), filepath.Join(dir, "host.key"))
		}, nil, 0, "host.key does not match host.crt: restore the pair, or remove both to have them made anew"},
		{"CA expired", nil, nil, 11 * 365 * 24 * time.Hour, "dev-ca.crt expired on 2036-06-15 12:00 UTC: remove it and dev-ca.key to begin anew"},
		{"bad name", nil, []string{"two words"}, 0, `development certificate: "two words" is neither a DNS name nor an address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			develop(t, dir, nil, testNow)
			before, err := os.ReadFile(filepath.Join(dir, "dev-ca.crt"))
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(t, dir)
			}
			_, _, err = Development(dir, tt.names, testNow.Add(tt.after))
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
			after, err := os.ReadFile(filepath.Join(dir, "dev-ca.crt"))
			if err != nil || string(after) != string(before) && tt.name != "CA damaged" {
				t.Errorf("the CA was replaced: %v", err)
			}
		})
	}
}

// Whoever loses the race reads what the winner wrote.
func TestDevelopmentAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	var wg sync.WaitGroup
	var mu sync.Mutex
	written := map[string]int{}
	var pairs []tls.Certificate
	for range 8 {
		wg.Go(func() {
			files, created, err := Development(dir, []string{"a"}, time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			pair, err := tls.LoadX509KeyPair(files.Certificates[0], files.Keys[0])
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			pairs = append(pairs, pair)
			for _, path := range created {
				written[filepath.Base(path)]++
			}
		})
	}
	wg.Wait()
	want := map[string]int{"dev-ca.key": 1, "dev-ca.crt": 1, "host.key": 1, "host.crt": 1, "client.key": 1, "client.crt": 1}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("writes of each file (-want +got):\n%s", diff)
	}
	for _, pair := range pairs {
		if !pair.Leaf.Equal(pairs[0].Leaf) {
			t.Error("two processes went on with different certificates")
		}
	}
}
