package certs

import (
	"sync"
	"time"
)

// Credentials are what one level's files hold.
type Credentials struct {
	Certificates []*Certificate // the preferred first: ECDSA, Ed25519, RSA
	Trust        *Trust         // nil without trusted_ca
}

// Loader reads files into credentials and shares what did not change between loads: parsing is
// most of the cost of a reload, and a certificate or a large revocation list would otherwise be in
// memory once for every generation and level. The zero value is ready. It is safe for concurrent use.
type Loader struct {
	Now func() time.Time // nil: time.Now

	mu           sync.Mutex // held while files are read: loads come one after the other anyway
	certificates memo[digest, *Certificate]
	trusts       memo[digest, *Trust]
	verdicts     memo[verdictOn, validity]
	pool         pool
	inForce      accepted
}

// NewLoader returns a Loader on the real clock.
func NewLoader() *Loader { return new(Loader) }

// Load reads the files of a single level, as [Reading.Load] does.
func (l *Loader) Load(f Files) (*Credentials, []*FileError) { return l.Reading().Load(f) }

// Sweep drops what no Load has asked for since the previous Sweep. Call it after each generation.
func (l *Loader) Sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.certificates.sweep()
	l.trusts.sweep()
	l.verdicts.sweep()
	l.pool.sweep()
}

// certificate reads the certificate of index i with its key. It returns nil, or a certificate without
// a key that can only be checked, if something is unusable; the report says what.
func (l *Loader) certificate(r *report, f Files, i int, pass password) *Certificate {
	certFile, keyFile := f.Certificates[i], f.keyFile(i)
	data, mode, problem := readFile(certFile, maxFile)
	r.add(PartCertificate, i, certFile, problem)
	keyData, keyPart := data, PartCertificate
	if keyFile != certFile {
		var keyProblem *finding
		keyPart = PartKey
		keyData, mode, keyProblem = readFile(keyFile, maxFile)
		r.add(PartKey, i, keyFile, keyProblem)
	}
	if keyData != nil && (keyPart == PartKey || isPKCS12(certFile) || holdsKey(keyData)) {
		r.add(keyPart, i, keyFile, exposed(keyFile, mode))
	}
	sum := contentHash([]byte(certFile), data, keyData, []byte(pass.text))
	if c, ok := l.certificates.recall(sum); ok && data != nil && keyData != nil {
		return c
	}
	chain, key := pair{&l.pool, i, certFile, keyFile, keyPart, data, keyData}.read(r, pass)
	if chain == nil {
		return nil
	}
	if key == nil {
		return newCertificate(certFile, chain, nil)
	}
	return l.certificates.keep(sum, newCertificate(certFile, chain, key))
}

// keyFile returns the file that holds the key of certificate i.
func (f Files) keyFile(i int) string {
	if i < len(f.Keys) && f.Keys[i] != "" {
		return f.Keys[i]
	}
	return f.Certificates[i]
}

func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}
