package config

import (
	"slices"
	"strings"

	"sallyport/internal/config/document"
)

// ftpControl is the port of a protocol that cannot be protected like this.
const ftpControl = ":21"

// upstream validates an upstream; level names it for its credentials.
func (c *checker) upstream(raw *rawUpstream, level string) Upstream {
	u := Upstream{
		MaxDials:      c.atLeast(raw.MaxDials, 1),
		DialQueue:     c.atLeast(raw.DialQueue, 0),
		ProxyProtocol: c.proxyVersion(raw.ProxyProtocol),
	}
	c.endpoints(raw, &u)
	c.redundancy(raw, &u)
	if raw.Health != nil {
		u.Health = c.health(raw.Health)
	}
	if raw.Source != nil {
		c.source(raw, &u)
	}
	if speaks(u.Endpoints(), "builtin") && u.ProxyProtocol != ProxyNone {
		c.report(raw.ProxyProtocol.Problem("a built-in server takes no PROXY header", "remove it"))
	}
	if raw.TLS != nil {
		u.TLS = c.upstreamTLS(raw.TLS, u.Endpoints(), level)
	}
	return u
}

// endpoints validates which servers there are.
func (c *checker) endpoints(raw *rawUpstream, u *Upstream) {
	switch {
	case !raw.Primary.Set && !raw.Parallel.Set:
		c.report(raw.Primary.Problem("missing", endpointForms))
	case raw.Primary.Set && raw.Parallel.Set:
		c.report(raw.Parallel.Problem("set beside primary",
			"a primary with its backup, or several servers in parallel: one or the other"))
	case len(raw.Parallel.Value) == 1:
		c.report(raw.Parallel.Problem("a single server is parallel to nothing",
			"write primary = "+quotedList([]string{raw.Parallel.Value[0].Value})))
	}
	u.Primary = document.At(raw.Primary, Endpoint{})
	if raw.Primary.Set {
		u.Primary = c.endpoint(raw.Primary)
	}
	u.Backup = document.At(raw.Backup, Endpoint{})
	if raw.Backup.Set {
		u.Backup = c.endpoint(raw.Backup)
	}
	for _, l := range raw.Parallel.Value {
		u.Parallel = append(u.Parallel, c.endpoint(l))
	}
	c.distinct(u.Endpoints())
}

func (c *checker) endpoint(raw Located[string]) Located[Endpoint] {
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

// distinct refuses an endpoint that is there twice: it fails when it fails.
func (c *checker) distinct(endpoints []Located[Endpoint]) {
	seen := make(map[string]Located[Endpoint])
	for _, e := range endpoints {
		if e.Value == (Endpoint{}) {
			continue // not valid, and reported
		}
		name := destination(e.Value)
		if before, ok := seen[name]; ok {
			c.report(e.Problem("is the same server as "+lastPart(before.Key), "see "+before.Pos.String()))
			continue
		}
		seen[name] = e
	}
}

// destination is the same for two spellings of one endpoint: host names have no case (RFC 4343).
func destination(e Endpoint) string {
	if e.Network == "tcp" {
		return strings.ToLower(e.Address)
	}
	return e.String()
}

// lastPart returns what a key is called in its table.
func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// speaks reports whether any of the endpoints is of a network.
func speaks(endpoints []Located[Endpoint], network string) bool {
	return slices.ContainsFunc(endpoints, func(e Located[Endpoint]) bool { return e.Value.Network == network })
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
