package main

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/config"
)

// applications compares applications by name, and their ports by id: what a client of the pair relies on when it moves
// from one half to the other.
func (c *comparison) applications() {
	for i := range c.a.config.Applications {
		app := &c.a.config.Applications[i]
		other := findApplication(c.b.config, app.Name.Value)
		if other == nil {
			c.missing(fmt.Sprintf("application %q", app.Name.Value), where(c.a, app.Name), c.b)
			continue
		}
		c.ports(app, other)
		c.upstreams(app, other)
	}
	for i := range c.b.config.Applications {
		app := &c.b.config.Applications[i]
		if findApplication(c.a.config, app.Name.Value) == nil {
			c.missing(fmt.Sprintf("application %q", app.Name.Value), where(c.b, app.Name), c.a)
		}
	}
}

func findApplication(cfg *config.Config, name string) *config.Application {
	for i := range cfg.Applications {
		if cfg.Applications[i].Name.Value == name {
			return &cfg.Applications[i]
		}
	}
	return nil
}

func findPort(app *config.Application, id string) *config.Port {
	for i := range app.Ports {
		if app.Ports[i].ID.Value == id {
			return &app.Ports[i]
		}
	}
	return nil
}

// missing tells what is at a place and not in the other half.
func (c *comparison) missing(what, place string, in *partner) {
	c.error(aboutPorts, "%s: %s has it, and %s does not", what, place, in.config.Path)
}

func (c *comparison) ports(a, b *config.Application) {
	for i := range a.Ports {
		if other := findPort(b, a.Ports[i].ID.Value); other != nil {
			c.port(&a.Ports[i], other)
		} else {
			c.missing("port "+a.Ports[i].Name(), where(c.a, a.Ports[i].ID), c.b)
		}
	}
	for i := range b.Ports {
		if findPort(a, b.Ports[i].ID.Value) == nil {
			c.missing("port "+b.Ports[i].Name(), where(c.b, b.Ports[i].ID), c.a)
		}
	}
}

func (c *comparison) port(a, b *config.Port) {
	name := a.Name()
	c.setting(name, "mode", placedAt(a.Mode), placedAt(b.Mode))
	if a.Mode.Value == b.Mode.Value && a.Mode.Value != config.ModePlaintext {
		c.setting(name, "client_auth", placedAt(a.ClientAuth.Located), placedAt(b.ClientAuth.Located))
		c.setting(name, "tls_profile", placedAt(a.TLSProfile.Located), placedAt(b.TLSProfile.Located))
		c.setting(name, "alpn", placedIn(a, alpnText(a)), placedIn(b, alpnText(b)))
	}
	if a.Mode.Value == b.Mode.Value && a.Mode.Value == config.ModeAutoDetect {
		c.setting(name, "silent_client", placedIn(a, string(a.SilentClient)), placedIn(b, string(b.SilentClient)))
	}
	c.setting(name, "proxy_protocol", placedIn(a, headerText(a)), placedIn(b, headerText(b)))
	c.listen(name, a.Listen, b.Listen)
}

// placed is a value in words, and where it stands.
type placed struct {
	text string
	pos  config.Position
}

func placedAt[T ~string](l config.Located[T]) placed { return placed{string(l.Value), l.Pos} }

// placedIn places a value that is known only to be of a port.
func placedIn(p *config.Port, text string) placed { return placed{text, p.Pos} }

func alpnText(p *config.Port) string {
	if len(p.ALPN) == 0 {
		return "none"
	}
	return strings.Join(p.ALPN, ", ")
}

func headerText(p *config.Port) string {
	if p.ProxyProtocol {
		return "require"
	}
	return "none"
}

// setting compares a setting that a client depends on.
func (c *comparison) setting(name, key string, a, b placed) {
	if a.text != b.text {
		c.error(aboutPorts, "port %s: %s is %s at %s, and %s at %s", name, key, a.text, a.pos, b.text, b.pos)
	}
}

// listen compares port numbers: the addresses of two hosts differ, but clients are told one number.
func (c *comparison) listen(name string, a, b config.Located[config.Address]) {
	x, y := numberText(a.Value), numberText(b.Value)
	if c.sameHost || x == y {
		return // on one host they cannot be the same
	}
	c.warn(aboutPorts, "port %s: listens on %s at %s, and on %s at %s", name, x, where(c.a, a), y, where(c.b, b))
}

// numberText is what of an address clients of a pair are told.
func numberText(a config.Address) string {
	if _, number, err := net.SplitHostPort(a.Address); err == nil && strings.HasPrefix(a.Network, "tcp") {
		return "port " + number
	}
	if a.Network == "systemd" {
		return "what systemd has"
	}
	return "a UNIX socket"
}

// upstreams compares where the bytes go. That one half has for its primary what the other has for its backup is how such
// pairs are often made.
func (c *comparison) upstreams(a, b *config.Application) {
	x, y := endpointTexts(&a.Upstream), endpointTexts(&b.Upstream)
	name := a.Name.Value
	place, otherPlace := upstreamPlace(&a.Upstream), upstreamPlace(&b.Upstream)
	if !slices.Equal(x, y) {
		c.warn(aboutUpstreams, "application %q: reaches %s at %s, and %s at %s", name, strings.Join(x, ", "), place, strings.Join(y, ", "), otherPlace)
	}
	if p, q := len(a.Upstream.Parallel) > 0, len(b.Upstream.Parallel) > 0; p != q {
		c.warn(aboutUpstreams, "application %q: %s at %s, and %s at %s", name, arrangement(p), place, arrangement(q), otherPlace)
	}
	if p, q := a.Upstream.TLS != nil, b.Upstream.TLS != nil; p != q {
		c.warn(aboutUpstreams, "application %q: %s to the upstream at %s, and %s at %s", name, protection(p), place, protection(q), otherPlace)
	}
	if p, q := a.Upstream.Source != nil, b.Upstream.Source != nil; p != q {
		c.warn(aboutUpstreams, "application %q: %s at %s, and %s at %s", name, origin(p), place, origin(q), otherPlace)
	}
}

func upstreamPlace(u *config.Upstream) config.Position { return u.Endpoints()[0].Pos }

func arrangement(parallel bool) string {
	if parallel {
		return "parallel endpoints"
	}
	return "primary and backup"
}

func protection(tls bool) string {
	if tls {
		return "TLS"
	}
	return "plaintext"
}

func origin(pinned bool) string {
	if pinned {
		return "connections from a declared source"
	}
	return "connections from wherever the system chooses"
}

// endpointTexts returns the endpoints in alphabetical order. The path of a socket depends on where its configuration is.
func endpointTexts(u *config.Upstream) []string {
	var texts []string
	for _, e := range u.Endpoints() {
		text := strings.ToLower(e.Value.String())
		if e.Value.Network == "unix" {
			text = "unix:" + filepath.Base(e.Value.Address)
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
}
