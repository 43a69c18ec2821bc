package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Identities are what a certificate says of its holder, prepared for [Set.Decide]. The
// zero value is nobody. It is immutable and safe for concurrent use.
type Identities struct {
	names    []Identity // each once
	patterns []Identity // that cover them, each once
}

// maxKeys bounds the work that one certificate can cause. A name beyond it is not seen,
// which can only deny.
const maxKeys = 128

// IdentitiesOf returns the identities of a verified leaf certificate, none for nil. It
// hashes and allocates: call it once for each session, not for each decision.
func IdentitiesOf(leaf *x509.Certificate) Identities {
	if leaf == nil {
		return Identities{}
	}
	fingerprint, key := sha256.Sum256(leaf.Raw), sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	names := []Identity{
		{LeafSHA256, hex.EncodeToString(fingerprint[:])},
		{PublicKeyHash, hex.EncodeToString(key[:])},
	}
	add := func(kind IdentityKind, value string) { names = append(names, Identity{kind, value}) }
	if leaf.Subject.CommonName != "" {
		add(CommonName, leaf.Subject.CommonName)
	}
	for _, unit := range leaf.Subject.OrganizationalUnit {
		add(OrgUnit, unit)
	}
	for _, uri := range leaf.URIs {
		add(URIName, canonicalURI(uri))
	}
	for _, name := range leaf.DNSNames {
		add(DNSName, strings.TrimSuffix(strings.ToLower(name), "."))
	}
	for _, address := range leaf.EmailAddresses {
		if canonical, flaw := canonicalEmail(address); flaw == "" {
			add(EmailName, canonical)
		}
	}
	for _, ip := range leaf.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			add(IPName, addr.Unmap().String())
		}
	}
	return NewIdentities(names...)
}

// NewIdentities returns the identities with the given names, as [ParseIdentity] returns
// them: for explanations and policy tests, where there is no certificate.
func NewIdentities(names ...Identity) Identities {
	var all Identities
	seen := make(map[Identity]bool, 2*len(names))
	add := func(list *[]Identity, identity Identity) {
		if len(seen) < maxKeys && !seen[identity] {
			seen[identity] = true
			*list = append(*list, identity)
		}
	}
	for _, name := range names {
		add(&all.names, name)
	}
	for _, name := range all.names {
		for _, pattern := range patterns(name) {
			add(&all.patterns, Identity{name.Kind, pattern})
		}
	}
	return all
}

// Names returns the identities themselves. The slice is the caller's; the texts come from
// a certificate and are hostile input: quote them where they are shown.
func (i Identities) Names() []Identity { return slices.Clone(i.names) }

// IsZero reports whether these are the identities of nobody.
func (i Identities) IsZero() bool { return len(i.names) == 0 }

// patterns returns the patterns that a policy may have to cover name.
func patterns(name Identity) []string {
	switch name.Kind {
	case DNSName:
		label, rest, ok := strings.Cut(name.Value, ".")
		if ok && label != "" && rest != "" {
			return []string{"*." + rest}
		}
	case URIName:
		return uriPatterns(name.Value)
	}
	return nil
}

// uriPatterns returns the pattern of every level above a URI. One with a query, a
// fragment or an unclear path lies below nothing.
func uriPatterns(value string) []string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || strings.ContainsAny(value, "?#") || !plainPath(u) {
		return nil
	}
	var all []string
	for i := len(value) - len(u.Path); i < len(value) && len(all) < maxKeys; i++ {
		if value[i] == '/' {
			all = append(all, value[:i]+"/*")
		}
	}
	return all
}
