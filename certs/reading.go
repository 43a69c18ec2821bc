package certs

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Reading loads the levels of one generation. A file that several levels name is read once, so that all of them see the same
// content even while somebody writes it. It must not be used after files are known to have changed: they would not be
// read again. It is not safe for concurrent use.
type Reading struct {
	loader *Loader
	now    time.Time
	pairs  map[pairFiles]loaded[*Certificate]
	trusts map[string]loaded[*Trust] // by the paths of CA and revocation lists

	accepted accepted
}

// pairFiles are the files that a certificate is made of.
type pairFiles struct{ certificate, key, password string }

// loaded is what became of some files, and everything that there is to say about it.
type loaded[V any] struct {
	value    V
	findings []*FileError
}

// Reading begins to load a generation.
func (l *Loader) Reading() *Reading {
	return &Reading{
		loader: l,
		now:    clock(l.Now),
		pairs:  make(map[pairFiles]loaded[*Certificate]),
		trusts: make(map[string]loaded[*Trust]),
	}
}

// Load reads a level's files. It returns everything that is wrong with them, warnings included, and
// no credentials if anything is worse than a warning.
func (r *Reading) Load(f Files) (*Credentials, []*FileError) {
	r.loader.mu.Lock()
	defer r.loader.mu.Unlock()
	report := newReport(r.now)
	pass, findings := readPassword(f.PasswordFile)
	report.add(PartPassword, 0, f.PasswordFile, findings...)

	c := &Credentials{Trust: r.trust(report, f)}
	if len(f.Certificates) == 0 && f.Purpose == ForServer {
		report.add(PartCertificate, 0, "", &finding{err: errNotNamed})
	}
	for i := len(f.Certificates); i < len(f.Keys); i++ {
		report.add(PartKey, i, f.Keys[i], found("name as many certificates as keys", "there is no certificate for this key"))
	}
	for i, file := range f.Certificates {
		certificate := r.certificate(report, f, i, pass)
		if certificate == nil {
			continue
		}
		report.add(PartCertificate, i, file, r.loader.inForce.excuse(certificate, c.Trust, r.loader.check(certificate, f.Purpose, c.Trust, r.now))...)
		report.add(PartCertificate, i, file, shadowed(certificate, c.Certificates))
		c.Certificates = append(c.Certificates, certificate)
	}
	if report.failed() {
		return nil, report.list
	}
	r.accepted.add(c)
	slices.SortStableFunc(c.Certificates, func(a, b *Certificate) int { return cmp.Compare(a.kind(), b.kind()) })
	return c, report.list
}

// certificate returns the certificate of index i, as [Loader.certificate] does.
func (r *Reading) certificate(report *report, f Files, i int, pass password) *Certificate {
	files := pairFiles{f.Certificates[i], f.keyFile(i), f.PasswordFile}
	known, ok := r.pairs[files]
	if !ok {
		own := newReport(r.now)
		known.value = r.loader.certificate(own, f, i, pass)
		known.findings = own.list
		r.pairs[files] = known
	}
	report.repeat(known.findings, i)
	return known.value
}

// trust returns the level's trust, as [Loader.trust] does.
func (r *Reading) trust(report *report, f Files) *Trust {
	files := strings.Join(append([]string{f.TrustedCA}, f.CRLs...), "\x00")
	known, ok := r.trusts[files]
	if !ok {
		own := newReport(r.now)
		known.value = r.loader.trust(own, f)
		known.findings = own.list
		r.trusts[files] = known
	}
	report.list = append(report.list, known.findings...)
	return known.value
}
