package policy

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IdentityKind is the part of a certificate that an identity names.
type IdentityKind uint8

const (
	CommonName    IdentityKind = iota + 1 // the subject's common name
	OrgUnit                               // one of the subject's organizational units
	DNSName                               // a subject alternative name
	URIName                               // a subject alternative name
	EmailName                             // a subject alternative name
	IPName                                // a subject alternative name
	LeafSHA256                            // the SHA-256 of the whole certificate
	PublicKeyHash                         // the SHA-256 of the public key (SPKI), which outlives a renewal with the same key
)

var kindNames = [...]string{CommonName: "cn", OrgUnit: "ou", DNSName: "dns", URIName: "uri", EmailName: "email",
	IPName: "ip", LeafSHA256: "sha256", PublicKeyHash: "spki"}

// String returns the word in front of the colon.
func (k IdentityKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return ""
}

// Identity is one name of a certificate, or in a policy a pattern for names: one leading
// label * of a DNS name stands for exactly one label, a trailing /* of a URI for
// everything below. Values are canonical, so identities compare with ==.
type Identity struct {
	Kind  IdentityKind
	Value string
}

// String returns the identity as [ParseIdentity] reads it.
func (i Identity) String() string { return i.Kind.String() + ":" + i.Value }

// isPattern reports whether the identity stands for more than one name.
func (i Identity) isPattern() bool {
	return i.Kind == DNSName && strings.HasPrefix(i.Value, "*.") || i.Kind == URIName && strings.HasSuffix(i.Value, "/*")
}

const maxIdentity = 1024 // bytes of a value

// ParseIdentity reads an identity such as "dns:*.example.com", "spiffe" URIs included
// ("uri:spiffe://example.com/ns/*"). Errors are [*Malformed].
func ParseIdentity(text string) (Identity, error) {
	const kinds = "identities begin with cn:, ou:, dns:, uri:, email:, ip:, sha256: or spki:"
	word, value, ok := strings.Cut(text, ":")
	if !ok {
		hint := kinds
		if _, flaw := canonicalDNS(text); flaw == "" {
			hint = didYouMean("dns:"+text) + " " + kinds
		}
		return Identity{}, malformed(text, "does not say what kind of identity it is", hint)
	}
	kind := IdentityKind(slices.Index(kindNames[:], word))
	if word == "" || int8(kind) < 0 {
		hint := kinds
		if near := nearest(word, slices.Values(kindNames[1:])); near != "" {
			hint = didYouMean(near+":"+value) + " " + kinds
		}
		return Identity{}, malformed(text, "has an unknown kind", hint)
	}
	canonical, flaw := canonicalValue(kind, value)
	if flaw != "" {
		return Identity{}, malformed(text, flaw, kindHint(kind))
	}
	return Identity{kind, canonical}, nil
}

// canonicalValue returns the one way to write a value, or what is wrong with it.
func canonicalValue(kind IdentityKind, value string) (canonical, flaw string) {
	switch {
	case value == "":
		return "", "is empty behind the colon"
	case len(value) > maxIdentity:
		return "", "is too long"
	case !utf8.ValidString(value), strings.ContainsFunc(value, unicode.IsControl):
		return "", "has characters that cannot be printed"
	case strings.TrimSpace(value) != value:
		return "", "begins or ends with a space"
	case kind != DNSName && kind != URIName && strings.Contains(value, "*"):
		return "", "has a *, which has a meaning in dns: and uri: only"
	}
	switch kind {
	case DNSName:
		return canonicalDNS(value)
	case URIName:
		return canonicalPattern(value)
	case EmailName:
		return canonicalEmail(value)
	case IPName:
		return canonicalIP(value)
	case LeafSHA256, PublicKeyHash:
		return canonicalHash(value)
	default:
		return value, ""
	}
}

func kindHint(kind IdentityKind) string {
	switch kind {
	case DNSName:
		return `write "dns:host.example.com", or "dns:*.example.com" for any one label; international names in their xn-- form`
	case URIName:
		return `write "uri:spiffe://example.com/ns/a", or "uri:spiffe://example.com/ns/*" for everything below`
	case EmailName:
		return `write "email:someone@example.com"`
	case IPName:
		return `write "ip:10.2.0.5": the address in the certificate, which need not be the one a client connects from`
	case LeafSHA256:
		return "write the SHA-256 of the certificate: openssl x509 -in cert.pem -noout -fingerprint -sha256"
	case PublicKeyHash:
		return "write the SHA-256 of the public key as 64 hexadecimal digits or in base64"
	default:
		return ""
	}
}

func canonicalDNS(value string) (canonical, flaw string) {
	name := strings.TrimSuffix(strings.ToLower(value), ".")
	fixed, isPattern := strings.CutPrefix(name, "*.")
	switch {
	case strings.Contains(fixed, "*"):
		return "", "has a * that is not the whole first label"
	case len(fixed) > 253, !isHostname(fixed):
		return "", "is not a DNS name"
	case isPattern:
		return "*." + fixed, ""
	default:
		return fixed, ""
	}
}

// isHostname takes underscores too, which certificates of private authorities have.
func isHostname(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func canonicalPattern(value string) (canonical, flaw string) {
	fixed, isPattern := strings.CutSuffix(value, "/*")
	if strings.Contains(fixed, "*") {
		return "", "has a * that is not a trailing /*"
	}
	u, err := url.Parse(fixed)
	if err != nil || u.Scheme == "" || strings.ContainsFunc(fixed, unicode.IsSpace) {
		return "", "is not a URI with a scheme"
	}
	canonical = canonicalURI(u)
	if again, err := url.Parse(canonical); err != nil || canonicalURI(again) != canonical {
		return "", "is a URI that can be read in two ways"
	}
	if !isPattern {
		return canonical, ""
	}
	if u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !plainPath(u) {
		return "", "has a /* without a plain scheme://host/path before it"
	}
	return canonical + "/*", ""
}

// canonicalURI lowers what is case-insensitive (RFC 3986, section 6.2.2.1).
func canonicalURI(u *url.URL) string {
	lowered := *u
	lowered.Scheme, lowered.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	return lowered.String()
}

// plainPath reports whether a path means what it says: with dot segments, empty segments
// or escapes, what lies below another path is a question of who reads it.
func plainPath(u *url.URL) bool {
	if strings.ContainsAny(u.EscapedPath(), `%\`) || u.Opaque != "" {
		return false
	}
	rest, isRooted := strings.CutPrefix(u.Path, "/")
	if !isRooted {
		return u.Path == ""
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// canonicalEmail lowers the domain; the part before it belongs to its mail server.
func canonicalEmail(value string) (canonical, flaw string) {
	at := strings.LastIndexByte(value, '@')
	if at < 1 || strings.ContainsAny(value, " \t") {
		return "", "is not a mail address"
	}
	domain := strings.ToLower(value[at+1:])
	if !isHostname(domain) {
		return "", "is not a mail address"
	}
	return value[:at+1] + domain, ""
}

func canonicalIP(value string) (canonical, flaw string) {
	addr, err := netip.ParseAddr(value)
	switch {
	case err != nil:
		return "", "is not an address"
	case addr.Zone() != "":
		return "", "has a zone"
	default:
		return addr.Unmap().String(), ""
	}
}

// canonicalHash takes the forms in which tools print hashes.
func canonicalHash(value string) (canonical, flaw string) {
	const size = 32
	digest, err := hex.DecodeString(strings.ReplaceAll(value, ":", ""))
	if err != nil {
		digest, err = base64.StdEncoding.Strict().DecodeString(value)
	}
	if err != nil || len(digest) != size {
		return "", "is not a SHA-256 hash"
	}
	return hex.EncodeToString(digest), ""
}
