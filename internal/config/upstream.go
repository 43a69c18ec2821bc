package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"sallyport/internal/config/document"
)

// ftpControl is the port of a protocol that cannot be protected like this.
const ftpControl = ":21"

// upstream validates an upstream; level names it for its credentials.
func (c *checker) upstream(raw *rawUpstream, level string) Upstream {
	c.health(raw.Health)
	u := Upstream{
		Primary:       c.primary(raw.Primary),
		ProxyProtocol: c.proxyVersion(raw.ProxyProtocol),
	}
	if u.Primary.Value.Network == "builtin" && u.ProxyProtocol != ProxyNone {
		c.report(raw.ProxyProtocol.Problem("a built-in server takes no PROXY header", "remove it"))
	}
	if raw.TLS != nil {
		u.TLS = c.upstreamTLS(raw.TLS, u.Primary.Value, level)
	}
	return u
}

func (c *checker) primary(raw Located[string]) Located[Endpoint] {
	if !raw.Set {
		c.report(raw.Problem("missing", endpointForms))
		return document.At(raw, Endpoint{})
	}
	endpoint, f := parseEndpoint(c.dir, raw.Value)
	if f != nil {
		c.report(raw.Problem(f.message, f.hint))
		return document.At(raw, Endpoint{})
	}
	if endpoint.Network == "tcp" && strings.HasSuffix(endpoint.Address, ftpControl) {
		c.report(raw.Warning("looks like an FTP server, whose data connections bypass sallyport in plaintext",
			"FTP over a TLS wrapper protects passwords and commands, not files"))
	}
	return document.At(raw, endpoint)
}

func (c *checker) proxyVersion(raw Located[string]) ProxyVersion {
	switch choose(c, raw, "v1", "v2").Value {
	case "v1":
		return ProxyV1
	case "v2":
		return ProxyV2
	default:
		return ProxyNone
	}
}

// health looks at the one mistake of a later release's keys that is worth
// knowing of today.
func (c *checker) health(raw rawHealth) {
	if _, err := regexp.Compile(raw.Expect.Value); err != nil {
		c.report(raw.Expect.Problem(
			strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is that of https://go.dev/s/re2syntax"))
	}
}

func (c *checker) upstreamTLS(raw *rawUpstreamTLS, to Endpoint, level string) *UpstreamTLS {
	t := &UpstreamTLS{
		ServerName:  raw.ServerName,
		Credentials: c.clientGroup(raw.rawGroup, level),
		ALPN:        c.alpn(raw.ALPN),
		Pos:         raw.Pos,
	}
	switch {
	case to.Network == "builtin":
		c.report(raw.Problem("a built-in server speaks no TLS", "remove [application.upstream.tls]"))
	case t.ServerName.Set:
		c.verifiedName(t.ServerName)
	case to.Network == "unix":
		c.report(raw.ServerName.Problem("missing: a UNIX socket has no host name to check the certificate against",
			"set the name that is in the server's certificate"))
	default:
		t.ServerName.Value = to.Host()
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

// ownPort refuses an application that passes its connections to itself, which
// would go round until no descriptor is left.
func (c *checker) ownPort(app Application) {
	upstreams := []Located[Endpoint]{app.Upstream.Primary}
	for _, p := range app.Ports {
		for _, s := range p.SNI {
			if s.Upstream != nil {
				upstreams = append(upstreams, s.Upstream.Primary)
			}
		}
	}
	for _, to := range upstreams {
		for _, p := range app.Ports {
			if reaches(to.Value, p.Listen.Value) {
				c.report(to.Problem(fmt.Sprintf("is the application's own port %q", p.Name()),
					"name the server behind it; when both are on one host, they need different ports"))
				break
			}
		}
	}
}

// reaches reports whether dialling the endpoint certainly ends at the address.
func reaches(to Endpoint, at Address) bool {
	if to.Network == "unix" {
		return at == (Address{"unix", to.Address})
	}
	listening, ok := at.tcp()
	dialled, err := netip.ParseAddrPort(strings.Replace(to.Address, "localhost:", "127.0.0.1:", 1))
	if !ok || err != nil || listening.Port() != dialled.Port() {
		return false
	}
	if dialled.Addr() == listening.Addr() {
		return true
	}
	return dialled.Addr().IsLoopback() && (everything(listening.Addr()) ||
		listening.Addr().IsUnspecified() && listening.Addr().Is4() == dialled.Addr().Is4())
}
