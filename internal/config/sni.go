package config

import (
	"fmt"
	"net/netip"
	"strings"

	"sallyport/internal/config/document"
)

// serverNames validates the SNI entries of a port.
func (c *checker) serverNames(entries []rawSNI, port string) []SNI {
	all := make([]SNI, 0, len(entries))
	taken := make(map[string]claimedName)
	for i := range entries {
		all = append(all, c.sni(&entries[i], i, port, taken))
	}
	return all
}

// claimedName is where a server name was first written, and in which entry.
type claimedName struct {
	Located[string]
	entry int
}

func (c *checker) sni(raw *rawSNI, entry int, port string, taken map[string]claimedName) SNI {
	if !raw.Names.Set {
		c.report(raw.Names.Problem("missing", `list the server names it is for: names = ["www.example.com", "*.example.com"]`))
	}
	s := SNI{}
	for _, l := range raw.Names.Value {
		if name, ok := c.serverName(l, entry, taken); ok {
			s.Names = append(s.Names, name)
		}
	}
	level := sniLevel(raw.Names.Value, port)
	if raw.Certificate.Set {
		s.Credentials = c.certificates(raw.rawCertificate, level)
	} else {
		c.orphanedKeys(raw.rawCertificate, "without a certificate of its own the port's is served for these names")
	}
	if raw.Upstream != nil {
		upstream := c.upstream(raw.Upstream, "upstream of "+level)
		s.Upstream = &upstream
	}
	if !raw.Certificate.Set && raw.Upstream == nil {
		c.report(raw.Problem("has neither a certificate nor an upstream, so it changes nothing",
			"set certificate, upstream = { primary = ... }, or both"))
	}
	return s
}

// sniLevel names an entry by the first of its names.
func sniLevel(names []Located[string], port string) string {
	if len(names) == 0 {
		return "sni of " + port
	}
	return fmt.Sprintf("sni %q of %s", strings.ToLower(names[0].Value), port)
}

// serverName validates one name and lower-cases it.
func (c *checker) serverName(l Located[string], entry int, taken map[string]claimedName) (Located[string], bool) {
	name := document.At(l, strings.ToLower(l.Value))
	if f := serverNameFlaw(name.Value); f != nil {
		c.report(l.Problem(f.message, f.hint))
		return name, false
	}
	before, ok := taken[name.Value]
	switch {
	case ok && before.entry == entry:
		c.report(l.Problem(fmt.Sprintf("%q is listed twice", name.Value), ""))
		return name, false
	case ok:
		c.report(l.Problem(
			fmt.Sprintf("%q has another entry at %s", name.Value, before.Pos),
			`RSA and ECDSA certificates of one name stand together in one entry: certificate = ["rsa.crt", "ecdsa.crt"]`))
		return name, false
	}
	taken[name.Value] = claimedName{l, entry}
	return name, true
}

// serverNameFlaw finds what is wrong with a name or "*.suffix".
func serverNameFlaw(name string) *flaw {
	if _, err := netip.ParseAddr(name); err == nil {
		return &flaw{
			fmt.Sprintf("%q is an address", name),
			"clients that connect to an address send no server name; the port's own certificate is for them",
		}
	}
	if suffix, ok := strings.CutPrefix(name, "*."); ok && !strings.Contains(suffix, "*") {
		return nameFlaw(suffix)
	}
	if strings.Contains(name, "*") {
		return &flaw{fmt.Sprintf("%q is not a pattern that is understood", name), `a star stands for the whole first label: "*.example.com"`}
	}
	return nameFlaw(name)
}

// alpn validates protocol names (RFC 7301 section 3.1).
func (c *checker) alpn(list document.List) []string {
	const longest = 255
	var names []string
	seen := make(map[string]bool)
	for _, l := range list.Value {
		switch {
		case len(l.Value) > longest:
			c.report(l.Problem(fmt.Sprintf("%d bytes are too many, at most %d are possible", len(l.Value), longest), ""))
		case seen[l.Value]:
			c.report(l.Problem(fmt.Sprintf("%q is listed twice", l.Value), ""))
		}
		seen[l.Value] = true
		names = append(names, l.Value)
	}
	return names
}
