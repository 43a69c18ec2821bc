package config

import (
	"fmt"
	"net/netip"
	"strings"
)

func (c *checker) upstreamTLS(raw *rawUpstreamTLS, to []Located[Endpoint], level string) *UpstreamTLS {
	t := &UpstreamTLS{
		ServerName:  raw.ServerName,
		Credentials: c.clientGroup(raw.rawGroup, level),
		ALPN:        c.alpn(raw.ALPN),
		Pos:         raw.Pos,
	}
	if t.ServerName.Set {
		c.verifiedName(t.ServerName)
	}
	switch {
	case speaks(to, "builtin"):
		c.report(raw.Problem("a built-in server speaks no TLS", "remove [application.upstream.tls]"))
	case speaks(to, "unix") && !t.ServerName.Set:
		c.report(raw.ServerName.Problem("missing: a UNIX socket has no host name to check the certificate against",
			"set the name that is in the server's certificate"))
	}
	return t
}

// verifiedName takes what a certificate can be checked against: a name or an
// address, but no pattern.
func (c *checker) verifiedName(l Located[string]) {
	if ip, err := netip.ParseAddr(l.Value); err == nil && ip.Zone() == "" {
		return
	}
	if strings.Contains(l.Value, "*") {
		c.report(l.Problem(fmt.Sprintf("%q is a pattern", l.Value), "set the one name that is expected of the server"))
		return
	}
	if f := nameFlaw(l.Value); f != nil {
		c.report(l.Problem(f.message, f.hint))
	}
}
