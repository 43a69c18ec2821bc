package certs

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
)

// TestReadingReadsOnce: what several levels name is the same for all of them, also if it is replaced in between, and
// what is wrong with it is told of each.
func TestReadingReadsOnce(t *testing.T) {
	ca, dir := testpki.New(t), t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	issue := func() {
		ca.Server(t, "a.example.com").Write(t, dir, "a")
		testpki.WriteFile(t, path("ca.crt"), ca.PEM())
		testpki.WriteFile(t, path("ca.crl"), ca.CRL(t, time.Time{}, time.Time{}, ca.Client(t, "revoked")))
	}
	issue()
	l := testLoader()
	level := Files{
		Certificates: []string{path("a.crt")}, Keys: []string{path("a.key")},
		TrustedCA: path("ca.crt"), CRLs: []string{path("ca.crl")},
	}
	load := func(r *Reading) *Credentials {
		t.Helper()
		c, problems := r.Load(level)
		if c == nil || len(problems) > 0 {
			t.Fatalf("problems: %q", render(dir, problems))
		}
		return c
	}
	reading := l.Reading()
	first := load(reading)
	issue()
	second, anew := load(reading), load(l.Reading())
	if second.Certificates[0] != first.Certificates[0] || second.Trust != first.Trust {
		t.Error("one reading has read files twice")
	}
	if anew.Certificates[0] == first.Certificates[0] || anew.Trust == first.Trust {
		t.Error("the next reading has not read them")
	}
	bad := testpki.WriteFile(t, path("bad.crt"), []byte("nothing"))
	for index, f := range []Files{
		{Certificates: []string{bad}},
		{Certificates: []string{path("a.crt"), bad}, Keys: []string{path("a.key"), ""}},
	} {
		_, problems := reading.Load(f)
		want := []string{fmt.Sprintf("certificate[%d]: bad.crt: contains no PEM block | a PEM file has lines like -----BEGIN CERTIFICATE-----", index)}
		if diff := cmp.Diff(want, render(dir, problems)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
}

// TestVerdictsAreRemembered: a loader that remembers what led to which CA says what one says that does not, at all
// times and whatever has changed.
func TestVerdictsAreRemembered(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	year := func(n int) time.Time { return time.Date(n, 6, 15, 0, 0, 0, 0, time.UTC) }
	root := testpki.NewNamed(t, "root", testpki.Options{NotBefore: year(2010), NotAfter: year(2030)})
	other := testpki.New(t)
	issuing := root.Intermediate(t, "issuing", testpki.Options{NotBefore: year(2015), NotAfter: year(2035)})
	issuing.Issue(t, testpki.Options{Names: []string{"a.example.com"}, NotBefore: year(2005), NotAfter: year(2040)}).Write(t, dir, "a")
	f := Files{Certificates: []string{path("a.crt")}, Keys: []string{path("a.key")}, TrustedCA: path("ca.crt")}

	now := time.Time{}
	remembering := &Loader{Now: func() time.Time { return now }}
	agree := func(name string, refused bool) {
		t.Helper()
		for range 2 { // from memory at the second time
			c, problems := remembering.Load(f)
			_, want := (&Loader{Now: remembering.Now}).Load(f)
			if diff := cmp.Diff(render(dir, want), render(dir, problems)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			if (c == nil) != refused {
				t.Errorf("%s: refused: %t, want %t", name, c == nil, refused)
			}
			remembering.Sweep()
		}
	}
	for _, trust := range []struct {
		name    string
		ca      []byte
		foreign bool
	}{
		{"its own CA", root.PEM(), false},
		{"another CA", other.PEM(), true},
		{"both", append(other.PEM(), root.PEM()...), false},
		{"its own again", root.PEM(), false},
	} {
		testpki.WriteFile(t, path("ca.crt"), trust.ca)
		for _, at := range []struct {
			year  int
			valid bool
		}{{2020, true}, {2029, true}, {2031, false}, {2020, true}, {2012, false}, {2036, false}, {2025, true}} {
			now = year(at.year)
			agree(trust.name+" in "+now.Format("2006"), trust.foreign || !at.valid)
		}
	}
}

// TestPoolForgets: a certificate is there once while it is used, and no longer.
func TestPoolForgets(t *testing.T) {
	const leaves = 20
	issuing := testpki.New(t).Intermediate(t, "issuing", testpki.Options{})
	dir := t.TempDir()
	l := testLoader()
	var loaded []*Certificate
	for range leaves {
		var f Files
		f.Certificates, f.Keys = make([]string, 1), make([]string, 1)
		f.Certificates[0], f.Keys[0] = issuing.Server(t, "a.example.com").Write(t, dir, "a")
		c, problems := l.Load(f)
		if c == nil {
			t.Fatal(problems)
		}
		loaded = append(loaded, c.Certificates[0])
	}
	pkcs12 := testpki.WriteFile(t, filepath.Join(dir, "a.p12"), issuing.Server(t, "b.example.com").PKCS12(t, ""))
	c, problems := l.Load(Files{Certificates: []string{pkcs12}})
	if c == nil {
		t.Fatal(problems)
	}
	loaded = append(loaded, c.Certificates[0])
	for _, c := range loaded {
		if c.chain[1] != loaded[0].chain[1] || &c.TLS.Certificate[1][0] != &loaded[0].TLS.Certificate[1][0] {
			t.Fatalf("%s has an intermediate of its own", c)
		}
	}
	left := func() int {
		runtime.GC()
		l.Sweep()
		return len(l.pool.certificates)
	}
	if n := left(); n != leaves+2 {
		t.Errorf("%d certificates are known, want %d", n, leaves+2)
	}
	l.Sweep()
	last := loaded[leaves]
	loaded = nil
	c = nil
	if n := left(); n != 2 {
		t.Errorf("%d certificates are known, want the last leaf and its issuer", n)
	}
	runtime.KeepAlive(last)
}
