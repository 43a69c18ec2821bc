package matrix

import (
	"fmt"
	"slices"
	"strings"

	"sallyport/policy"
)

// demands reads what is asked of TLS and of certificates.
func (r *row) demands() {
	c := r.of(TLSMode)
	switch strings.ToLower(c.text) {
	case "":
	case "required", "yes", "y", "true", "tls", "ssl", "secure":
		r.said = policy.TLSRequired.String()
	case "any", "both", "optional":
		r.said = policy.TLSAny.String()
	case "plaintext", "plain", "no", "n", "false", "cleartext", "none":
		r.said = policy.PlaintextOnly.String()
	case "-", "n/a", "na":
	default:
		r.fail(c, fmt.Sprintf("%s: unknown value %s", TLSMode, quoted(c.text)), `write "required", "any" or "plaintext"`)
	}
	c = r.of(ClientIdentity)
	texts := identities(c.text)
	if r.exact {
		texts = ownIdentities(c.text)
	}
	for _, text := range texts {
		identity, err := policy.ParseIdentity(text)
		if err != nil {
			r.refuse(c, ClientIdentity, err)
			continue
		}
		r.identities = append(r.identities, identity)
	}
	if len(r.identities) == 0 {
		return
	}
	slices.SortFunc(r.identities, func(a, b policy.Identity) int { return strings.Compare(a.String(), b.String()) })
	r.identities = slices.Compact(r.identities)
	if r.said == policy.PlaintextOnly.String() {
		r.fail(c, "without TLS there is no certificate that could show an identity", `write "required" into the column about TLS, or no identity`)
	}
	r.said = policy.TLSRequired.String() // nobody shows a certificate otherwise
}

// identities takes a cell apart where the next identity begins.
func identities(text string) []string {
	if nothing(text) || everything(text) {
		return nil
	}
	var all []string
	start := 0
	for i := 1; i < len(text); i++ {
		if strings.IndexByte(" ,;|\n", text[i-1]) >= 0 && startsIdentity(text[i:]) {
			all = append(all, strings.Trim(text[start:i], " ,;|\n"))
			start = i
		}
	}
	return append(all, strings.Trim(text[start:], " ,;|\n"))
}

// ownIdentities takes a cell apart that sallyport wrote: a semicolon in an identity has a backslash in front.
func ownIdentities(text string) []string {
	var all []string
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == ';':
			all = append(all, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(text[i])
		}
	}
	if b.Len() == 0 && len(all) == 0 {
		return nil
	}
	return append(all, strings.TrimSpace(b.String()))
}

func startsIdentity(text string) bool {
	for kind := policy.CommonName; kind.String() != ""; kind++ {
		if strings.HasPrefix(text, kind.String()+":") {
			return true
		}
	}
	return false
}
