package certs

import (
	"crypto/x509"
	"slices"
)

// trust reads the level's CA and its revocation lists. It returns nil if there is none or nothing of
// it is usable; the latter is in the report.
func (l *Loader) trust(r *report, f Files) *Trust {
	if f.TrustedCA == "" {
		for i, file := range f.CRLs {
			r.add(PartCRL, i, file, found("set trusted_ca at the same level", "a revocation list is of use only with the CA that signed it"))
		}
		return nil
	}
	authorities, _, problem := readFile(f.TrustedCA, maxFile)
	r.add(PartTrustedCA, 0, f.TrustedCA, problem)
	pieces := [][]byte{authorities}
	for i, file := range f.CRLs {
		list, _, problem := readFile(file, maxCRL)
		r.add(PartCRL, i, file, problem)
		pieces = append(pieces, list)
	}
	if authorities == nil {
		return nil
	}
	sum := contentHash(pieces...)
	t, ok := l.trusts.recall(sum)
	if !ok {
		if t, ok = l.parseTrust(r, f, pieces[0], pieces[1:]); ok {
			l.trusts.keep(sum, t)
		}
	}
	if t != nil {
		t.report(r, f, &l.inForce)
	}
	return t
}

// parseTrust returns the trust in what the files hold, and whether all of it is usable: what is not
// still serves to check the level's certificates against.
func (l *Loader) parseTrust(r *report, f Files, ca []byte, lists [][]byte) (*Trust, bool) {
	before := len(r.list)
	authorities, findings := l.pool.parseAuthorities(f.TrustedCA, ca)
	r.add(PartTrustedCA, 0, f.TrustedCA, findings...)
	if len(authorities) == 0 {
		return nil, false
	}
	var revoked *revocation
	if len(lists) > 0 {
		revoked = &revocation{lists: make(map[authority]*revocationList)}
	}
	for i, data := range lists {
		if data != nil { // else its absence was reported
			r.add(PartCRL, i, f.CRLs[i], revoked.parseLists(f.CRLs[i], i, data, authorities)...)
		}
	}
	// A trust with warnings about its contents is parsed anew each time, so that they are repeated.
	return newTrust(authorities, revoked), len(r.list) == before
}

// report adds what depends on the moment.
func (t *Trust) report(r *report, files Files, inForce *accepted) {
	for _, problem := range t.check(r.now) {
		r.add(PartTrustedCA, 0, files.TrustedCA, inForce.excuseTrust(t, problem))
	}
	if t.revocation == nil {
		return
	}
	t.revocation.check(r.now, func(index int, problem *finding) {
		r.add(PartCRL, index, files.CRLs[index], inForce.excuseTrust(t, problem))
	})
	uncovered := slices.DeleteFunc(slices.Clone(t.authorities), func(ca *x509.Certificate) bool {
		return t.revocation.lists[authorityOf(ca)] != nil
	})
	for _, ca := range uncovered {
		r.add(PartCRL, 0, files.CRLs[0], warning("add the list of that CA",
			"no revocation list covers the CA %s; clients whose issuer no list covers are refused", subject(ca)))
	}
}
