package certs

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/testpki"
)

// TestEnforce: what is in force is kept although its time runs out; what is new is not taken then.
func TestEnforce(t *testing.T) {
	dir := t.TempDir()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ca := testpki.New(t)
	ends := func(days int) testpki.Options {
		return testpki.Options{Names: []string{"a.example.com"}, NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(0, 0, days)}
	}
	cert, key := ca.Issue(t, ends(10)).Write(t, dir, "a")
	f := Files{
		Certificates: []string{cert}, Keys: []string{key},
		TrustedCA: testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), ca.PEM()),
		CRLs:      []string{testpki.WriteFile(t, filepath.Join(dir, "ca.crl"), ca.CRL(t, start.AddDate(0, 0, -1), start.AddDate(0, 0, 20)))},
	}
	now := start
	l := &Loader{Now: func() time.Time { return now }}
	load := func(f Files) (*Reading, *Credentials, []string) {
		r := l.Reading()
		c, problems := r.Load(f)
		l.Sweep()
		var errs []string
		for _, p := range problems {
			if !p.Warning {
				errs = append(errs, p.Part.String())
			}
		}
		return r, c, errs
	}

	r, first, errs := load(f)
	if first == nil {
		t.Fatal(errs)
	}
	now = start.AddDate(0, 0, 11)
	if _, c, errs := load(f); c != nil || !cmp.Equal(errs, []string{"certificate"}) {
		t.Errorf("not in force, an expired certificate was taken: %v", errs)
	}
	r.Enforce()
	if _, c, errs := load(f); c == nil || c.Certificates[0] != first.Certificates[0] {
		t.Errorf("in force, it was refused: %v", errs)
	}
	now = start.AddDate(0, 0, 21)
	r, c, errs := load(f)
	if c == nil {
		t.Fatalf("with its revocation list expired, too: %v", errs)
	}
	r.Enforce() // another generation with the same

	client := f
	client.TrustedCA, client.CRLs = "", nil
	if _, c, errs := load(client); c != nil || !cmp.Equal(errs, []string{"certificate"}) {
		t.Errorf("it was taken at another level: %v", errs)
	}
	ca.Issue(t, ends(11)).Write(t, dir, "a")
	if _, c, errs := load(f); c != nil || !cmp.Equal(errs, []string{"certificate"}) {
		t.Errorf("another expired certificate was taken in its place: %v", errs)
	}
	ca.Issue(t, ends(90)).Write(t, dir, "a")
	r, c, errs = load(f)
	if c == nil {
		t.Fatalf("the renewed certificate was refused: %v", errs)
	}
	r.Enforce()
	testpki.WriteFile(t, f.CRLs[0], ca.CRL(t, start, start.AddDate(0, 0, 19)))
	if _, c, errs := load(f); c != nil || !cmp.Equal(errs, []string{"crl"}) {
		t.Errorf("another expired revocation list was taken: %v", errs)
	}
}

// TestEnforceRoot: the same for the CA that a chain leads to, whose end makes the chain lead nowhere.
func TestEnforceRoot(t *testing.T) {
	dir := t.TempDir()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ca := testpki.NewNamed(t, "short", testpki.Options{NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(0, 0, 5)})
	cert, key := ca.Issue(t, testpki.Options{Names: []string{"a.example.com"}, NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(0, 0, 90)}).Write(t, dir, "a")
	f := Files{
		Certificates: []string{cert}, Keys: []string{key},
		TrustedCA: testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), ca.PEM()),
	}
	now := start
	l := &Loader{Now: func() time.Time { return now }}
	r := l.Reading()
	if c, problems := r.Load(f); c == nil {
		t.Fatal(problems)
	}
	r.Enforce()
	now = start.AddDate(0, 0, 6)
	if c, problems := l.Load(f); c == nil {
		t.Errorf("in force, the chain was refused: %v", problems)
	}
	if c, _ := (&Loader{Now: l.Now}).Load(f); c != nil {
		t.Error("at a start, it was taken")
	}
}
