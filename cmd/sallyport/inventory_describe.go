package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"sallyport/certs"
	"sallyport/internal/admin"
)

// entry is a certificate that several files may hold.
type entry struct {
	certificate *x509.Certificate
	role        string
	files       []string
	users       [][]string
}

// entryKey tells entries apart: a certificate can be a leaf in one place and an authority in another.
type entryKey struct {
	role string
	sum  [sha256.Size]byte
}

type entries map[entryKey]*entry

// note adds a file that holds a certificate, and those who use it there.
func (all entries) note(c *x509.Certificate, role, file string, users []string) {
	key := entryKey{role, sha256.Sum256(c.Raw)}
	e := all[key]
	if e == nil {
		e = &entry{certificate: c, role: role}
		all[key] = e
	}
	e.files = append(e.files, file)
	e.users = append(e.users, users)
}

// describe makes the lists that status shows.
func (inv *inventory) describe() {
	all := make(entries)
	for file, leaf := range inv.leaves {
		for i, c := range leaf.certificate.Chain() {
			role := admin.RoleIntermediate
			if i == 0 {
				role = admin.RoleLeaf
			}
			all.note(c, role, file, leaf.users)
		}
	}
	for _, trust := range inv.trusts {
		for _, c := range trust.trust.Authorities() {
			all.note(c, admin.RoleAuthority, trust.file, trust.users)
		}
	}
	inv.certificates = make([]admin.Certificate, 0, len(all))
	for _, e := range all {
		inv.certificates = append(inv.certificates, e.describe())
	}
	for key, l := range inv.revocationLists() {
		inv.lists = append(inv.lists, admin.RevocationList{
			Issuer: l.Issuer, File: key.file, ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC(), Revoked: l.Revoked,
		})
	}
	inv.sort()
}

func (inv *inventory) sort() {
	slices.SortFunc(inv.certificates, func(a, b admin.Certificate) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Serial, b.Serial),
			cmp.Compare(a.Role, b.Role), slices.Compare(a.Files, b.Files))
	})
	slices.SortFunc(inv.lists, func(a, b admin.RevocationList) int {
		return cmp.Or(a.NextUpdate.Compare(b.NextUpdate), cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.File, b.File))
	})
}

// describe returns a certificate as status shows it.
func (e *entry) describe() admin.Certificate {
	c := e.certificate
	out := admin.Certificate{
		Role:      e.role,
		Subject:   certs.Subject(c),
		Serial:    serial(c),
		Issuer:    certs.Issuer(c),
		Names:     certs.Names(c),
		NotBefore: c.NotBefore.UTC(),
		NotAfter:  c.NotAfter.UTC(),
	}
	out.Files, out.FilesMore = first(distinct(e.files))
	users := e.users[0]
	if len(e.users) > 1 { // otherwise it is the list of one file, which may be long and is shared
		users = distinct(slices.Concat(e.users...))
	}
	out.UsedBy, out.UsedByMore = first(users)
	return out
}

func serial(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// distinct sorts a list, in its place, and returns it with each item once.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// first returns the beginning of a list, and how much longer it is.
func first(list []string) (begin []string, more int) {
	const most = 100
	if len(list) <= most {
		return list, 0
	}
	return list[:most:most], len(list) - most
}
