package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"maps"
	"slices"
	"strings"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/config"
)

// inventory is what of the files of certificates, CAs and revocation lists one plan uses. It is immutable.
type inventory struct {
	leaves map[string]*leafUse // by the file of the leaf
	trusts map[string]*trustUse

	certificates []admin.Certificate // by their ends
	lists        []admin.RevocationList
}

// leafUse is a certificate with those who use it.
type leafUse struct {
	certificate *certs.Certificate
	users       []string
}

// trustUse is a trust with those who verify by it.
type trustUse struct {
	trust *certs.Trust
	file  string
	crls  []string
	users []string
}

// takeInventory returns what a plan uses. It is linear in the number of ports and certificates.
func takeInventory(p *plan, selfMade *certs.Credentials) *inventory {
	inv := &inventory{leaves: make(map[string]*leafUse), trusts: make(map[string]*trustUse)}
	made, _ := certs.DevelopmentFiles(p.config.Host.StateDir)
	for i := range p.ports {
		port := &p.ports[i]
		if port.Mode.Value == config.ModePlaintext {
			continue
		}
		if port.server.Default != nil {
			inv.use(port.Name(), port.server.Default, port.Credentials.TrustedCA.Value, values(port.Credentials.CRLs))
		} else {
			inv.use(port.Name(), selfMade, made.TrustedCA, nil)
		}
		for j := range port.server.Names {
			inv.use(port.Name(), port.server.Names[j].Credentials, "", nil) // whose trust is the port's
		}
	}
	for _, target := range p.targets {
		c, from := target.client, target.upstream.TLS.Credentials
		inv.use("upstream of "+target.name, &certs.Credentials{Certificates: c.Certificates, Trust: c.Trust}, from.TrustedCA.Value, values(from.CRLs))
	}
	inv.list()
	return inv
}

// use notes that a port or upstream uses credentials.
func (inv *inventory) use(user string, c *certs.Credentials, ca string, crls []string) {
	if c == nil {
		return
	}
	for _, certificate := range c.Certificates {
		leaf := inv.leaves[certificate.File]
		if leaf == nil {
			leaf = &leafUse{certificate: certificate}
			inv.leaves[certificate.File] = leaf
		}
		leaf.users = appendOnce(leaf.users, user)
	}
	if c.Trust == nil || ca == "" {
		return
	}
	key := ca + "\x00" + strings.Join(crls, "\x00")
	trust := inv.trusts[key]
	if trust == nil {
		trust = &trustUse{trust: c.Trust, file: ca, crls: crls}
		inv.trusts[key] = trust
	}
	trust.users = appendOnce(trust.users, user)
}

// appendOnce relies on the same user coming in a row.
func appendOnce(list []string, user string) []string {
	if len(list) > 0 && list[len(list)-1] == user {
		return list
	}
	return append(list, user)
}

// entry is a certificate that several files may hold.
type entry struct {
	certificate *x509.Certificate
	role        string
	files       []string
	users       [][]string
}

type entryKey struct {
	role string
	sum  [sha256.Size]byte
}

// list makes the lists of what was noted.
func (inv *inventory) list() {
	entries := make(map[entryKey]*entry)
	note := func(c *x509.Certificate, role, file string, users []string) {
		key := entryKey{role, sha256.Sum256(c.Raw)}
		e := entries[key]
		if e == nil {
			e = &entry{certificate: c, role: role}
			entries[key] = e
		}
		e.files = append(e.files, file)
		e.users = append(e.users, users)
	}
	for file, leaf := range inv.leaves {
		for i, c := range leaf.certificate.Chain() {
			role := admin.RoleIntermediate
			if i == 0 {
				role = admin.RoleLeaf
			}
			note(c, role, file, leaf.users)
		}
	}
	seen := make(map[listKey]bool)
	for _, trust := range inv.trusts {
		for _, c := range trust.trust.Authorities() {
			note(c, admin.RoleAuthority, trust.file, trust.users)
		}
		for key, l := range trust.lists() {
			if !seen[key] {
				inv.lists = append(inv.lists, admin.RevocationList{
					Issuer: l.Issuer, File: key.file, ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC(), Revoked: l.Revoked,
				})
			}
			seen[key] = true
		}
	}
	inv.certificates = make([]admin.Certificate, 0, len(entries))
	for _, e := range entries {
		inv.certificates = append(inv.certificates, e.describe())
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

// listKey identifies a revocation list over generations.
type listKey struct {
	file, issuer string
	nth          int // of the lists of that issuer in that file
}

// lists returns the revocation lists of a trust.
func (t *trustUse) lists() map[listKey]certs.RevocationList {
	found := make(map[listKey]certs.RevocationList)
	for _, l := range t.trust.RevocationLists() {
		key := listKey{file: t.crls[l.Index], issuer: l.Issuer}
		for _, taken := found[key]; taken; _, taken = found[key] {
			key.nth++
		}
		found[key] = l
	}
	return found
}

// authorities returns the CA certificates of each file, with all who use it, whichever revocation lists they have.
func (inv *inventory) authorities() map[string]*trustUse {
	found := make(map[string]*trustUse, len(inv.trusts))
	for _, key := range slices.Sorted(maps.Keys(inv.trusts)) {
		t := inv.trusts[key]
		if other := found[t.file]; other != nil {
			t = &trustUse{trust: t.trust, file: t.file, users: distinct(slices.Concat(other.users, t.users))}
		}
		found[t.file] = t
	}
	return found
}

// revocationLists returns all revocation lists.
func (inv *inventory) revocationLists() map[listKey]certs.RevocationList {
	found := make(map[listKey]certs.RevocationList)
	for _, t := range inv.trusts {
		maps.Copy(found, t.lists())
	}
	return found
}
