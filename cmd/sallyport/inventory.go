package main

import (
	"maps"
	"slices"
	"strings"

	"sallyport/certs"
	"sallyport/internal/admin"
	"sallyport/internal/config"
)

// inventory is what one plan uses of the files of certificates, CAs and revocation lists. It is immutable.
type inventory struct {
	leaves map[string]*leafUse // by the file of the leaf
	trusts map[string]*trustUse

	// As status shows it, what ends first in front.
	certificates []admin.Certificate
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
	for _, u := range p.upstreams {
		if u.TLS == nil {
			continue
		}
		c, from := u.client, u.TLS.Credentials
		inv.use("upstream of "+u.name, &certs.Credentials{Certificates: c.Certificates, Trust: c.Trust}, from.TrustedCA.Value, values(from.CRLs))
	}
	inv.describe()
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

// listKey identifies a revocation list in all generations.
type listKey struct {
	file, issuer string
	nth          int // of the lists of that issuer in that file
}

// revocationLists returns the revocation lists of a trust.
func (t *trustUse) revocationLists() map[listKey]certs.RevocationList {
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
		maps.Copy(found, t.revocationLists())
	}
	return found
}
