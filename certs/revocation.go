package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"maps"
	"slices"
	"strconv"
	"time"
)

// revocation is the content of a level's revocation lists.
type revocation struct {
	lists       map[authority]*revocationList
	fingerprint [sha256.Size]byte // over all lists in the files' order
}

// authority identifies a CA by name and key, as a cross-signed CA has several certificates and a
// renewed one several keys.
type authority string

func authorityOf(ca *x509.Certificate) authority {
	return authority(ca.RawSubject) + "\x00" + authority(ca.RawSubjectPublicKeyInfo)
}

// revocationList is what is kept of one list: the parsed original would hold every entry twice.
type revocationList struct {
	index   int // of its file in Files.CRLs
	issuer  string
	issued  time.Time
	expires time.Time
	serials map[string]struct{} // big-endian bytes
}

func (l *revocationList) revokes(c *x509.Certificate) bool {
	_, ok := l.serials[string(c.SerialNumber.Bytes())]
	return ok
}

var oidReason = asn1.ObjectIdentifier{2, 5, 29, 21}

// parseLists adds all lists of a PEM or DER file that one of the authorities signed.
func (r *revocation) parseLists(path string, index int, data []byte, authorities []*x509.Certificate) []*finding {
	ders, f := listBlocks(path, data)
	if f != nil {
		return []*finding{f}
	}
	var findings []*finding
	for i, der := range ders {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			findings = append(findings, found("", "revocation list %d cannot be read: %w", i+1, err))
			continue
		}
		signer, f := signerOf(list, i, authorities)
		if f == nil {
			f = checkExtensions(list, i)
		}
		if f != nil {
			findings = append(findings, f)
			continue
		}
		r.add(authorityOf(signer), newList(list, index, signer))
		sum := sha256.Sum256(der)
		r.fingerprint = sha256.Sum256(append(r.fingerprint[:], sum[:]...))
	}
	return findings
}

// add keeps the newer of two lists of one authority: it replaces the older (RFC 5280 section 5).
func (r *revocation) add(of authority, list *revocationList) {
	if old := r.lists[of]; old == nil || !list.issued.Before(old.issued) {
		r.lists[of] = list
	}
}

func newList(list *x509.RevocationList, index int, signer *x509.Certificate) *revocationList {
	l := &revocationList{
		index: index, issuer: subject(signer), issued: list.ThisUpdate, expires: list.NextUpdate,
		serials: make(map[string]struct{}, len(list.RevokedCertificateEntries)),
	}
	for _, entry := range list.RevokedCertificateEntries {
		l.serials[string(entry.SerialNumber.Bytes())] = struct{}{}
	}
	return l
}

func listBlocks(path string, data []byte) ([][]byte, *finding) {
	if bytes.HasPrefix(data, []byte{0x30}) {
		return [][]byte{data}, nil
	}
	blocks, f := parsePEM(path, data)
	if f != nil {
		return nil, f
	}
	var ders [][]byte
	for _, b := range blocks {
		if b.Type == "X509 CRL" {
			ders = append(ders, b.Bytes)
		}
	}
	if len(ders) == 0 {
		return nil, found("", "contains no revocation list, only %s", contents(blocks))
	}
	return ders, nil
}

func signerOf(list *x509.RevocationList, i int, authorities []*x509.Certificate) (*x509.Certificate, *finding) {
	named := false
	for _, ca := range authorities {
		if !bytes.Equal(list.RawIssuer, ca.RawSubject) {
			continue
		}
		named = true
		if list.CheckSignatureFrom(ca) == nil {
			return ca, nil
		}
	}
	if named {
		return nil, found("is it the list of an older key of the same CA?",
			"revocation list %d names the issuer %s, whose key did not sign it", i+1, strconv.Quote(cut(list.Issuer.String())))
	}
	return nil, found("add that CA's certificate to trusted_ca or remove the list",
		"revocation list %d is from %s, which is not in trusted_ca", i+1, strconv.Quote(cut(list.Issuer.String())))
}

// checkExtensions refuses lists that say, by a critical extension, that they are not the whole truth
// about their issuer: delta lists and lists of a distribution point (RFC 5280 section 5.2).
func checkExtensions(list *x509.RevocationList, i int) *finding {
	const hint = "ask the CA for its complete list"
	for _, e := range list.Extensions {
		if e.Critical {
			return found(hint, "revocation list %d covers only a part of its issuer's certificates (critical extension %s)", i+1, e.Id)
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical && !e.Id.Equal(oidReason) {
				return found(hint, "revocation list %d has an entry with the unsupported critical extension %s", i+1, e.Id)
			}
		}
	}
	return nil
}

// check reports what depends on the moment, with the index of the file that it is about.
func (r *revocation) check(now time.Time, add func(index int, f *finding)) {
	for _, of := range slices.Sorted(maps.Keys(r.lists)) {
		l := r.lists[of]
		switch {
		case l.expires.IsZero():
			add(l.index, found("ask the CA for a list that complies with RFC 5280",
				"the revocation list of %s does not say when the next one is due", l.issuer))
		case now.After(l.expires):
			add(l.index, found("fetch the CA's current list",
				"the revocation list of %s expired on %s", l.issuer, moment(l.expires)).expiring())
		case now.Before(l.issued):
			add(l.index, found("is this machine's clock right?",
				"the revocation list of %s is from the future, %s", l.issuer, moment(l.issued)).expiring())
		}
	}
}

// current reports whether the list may be relied on.
func (l *revocationList) current(now time.Time) bool {
	return !now.Before(l.issued) && !now.After(l.expires)
}
