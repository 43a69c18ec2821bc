package config

import (
	"fmt"

	"sallyport/internal/config/document"
)

// portChecker validates the ports of one application.
type portChecker struct {
	*checker
	application string
	credentials Credentials // what ports inherit
	flags       flags
	ids         map[string]Located[string]
}

func (c *portChecker) port(raw *rawPort) Port {
	c.identifier(raw.ID, "id", c.ids)
	name := portName(c.application, raw.ID.Value)
	level := portLevel(name)
	p := Port{
		Application: c.application,
		ID:          raw.ID,
		Pos:         raw.Pos,
		Listen:      c.listen(raw.Listen, level),
		Mode:        c.mode(raw.Mode),
		Credentials: c.credentials,
	}
	c.detection(raw, &p)
	if p.Mode.Value == ModePlaintext {
		c.withoutTLS(raw)
		p.TLSProfile, p.ClientAuth, p.SessionTickets = c.flags.profile, c.flags.auth, c.flags.tickets
	} else {
		c.withTLS(raw, &p, level)
	}
	c.proxyProtocol(raw, &p)
	c.exposed(p)
	return p
}

func (c *portChecker) listen(raw Located[string], level string) Located[Address] {
	if !raw.Set {
		c.report(raw.Problem("missing", listenForms))
		return document.At(raw, Address{})
	}
	address, f := parseListen(c.dir, raw.Value)
	listen := document.At(raw, address)
	if f != nil {
		c.report(raw.Problem(f.message, f.hint))
		return document.At(raw, Address{})
	}
	c.claim(level, listen)
	return listen
}

func (c *portChecker) mode(raw Located[string]) Located[Mode] {
	if !raw.Set {
		c.report(raw.Problem("missing", `"plaintext", "secure" (TLS only) or "auto-detect" (both)`))
	}
	return choose(c.checker, raw, ModePlaintext, ModeSecure, ModeAutoDetect)
}

// detection validates what only an auto-detect port has.
func (c *portChecker) detection(raw *rawPort, p *Port) {
	p.DetectTimeout = c.positive(raw.DetectTimeout)
	p.SilentClient = choose(c.checker, raw.SilentClient, SilentPlaintext, SilentRefuse).Value
	if mode := p.Mode.Value; mode == ModeAutoDetect || mode == "" {
		return
	}
	const hint = `only a port with mode = "auto-detect" waits for the first bytes to decide`
	message := fmt.Sprintf("has no effect on a %s port", p.Mode.Value)
	if raw.DetectTimeout.Set {
		c.report(raw.DetectTimeout.Problem(message, hint))
	}
	if raw.SilentClient.Set {
		c.report(raw.SilentClient.Problem(message, hint))
	}
}

// withTLS validates what a port that speaks TLS is configured with.
func (c *portChecker) withTLS(raw *rawPort, p *Port, level string) {
	if own, ok := c.group(raw.rawGroup, level); ok {
		p.Credentials = own
	}
	f := c.checker.flags(c.flags, raw.rawFlags, level)
	p.TLSProfile, p.ClientAuth, p.SessionTickets = f.profile, f.auth, f.tickets
	p.ALPN = c.alpn(raw.ALPN)
	p.SNI = c.serverNames(raw.SNI, level)
	if p.Mode.Value != "" {
		c.trust(*p)
	}
}

// trust refuses client authentication that would not know whom to trust: an
// absent CA would mean the system's roots, and with them half the world.
func (c *portChecker) trust(p Port) {
	auth := p.ClientAuth
	if auth.Value == "" || auth.Value == ClientAuthNone || p.Credentials.TrustedCA.Set {
		return
	}
	group := fmt.Sprintf("its certificate is that of %s, which has no trusted_ca", p.Credentials.Level)
	switch p.Credentials.Level {
	case "":
		group = "no certificate is configured, and the self-made one comes without a trusted_ca"
	case portLevel(p.Name()):
		group = "it has a certificate but no trusted_ca"
	}
	c.report(auth.Problem(
		fmt.Sprintf("port %q asks for client certificates that nothing can verify: %s", p.Name(), group),
		"set trusted_ca beside that certificate; the group is never mixed from two levels"))
}

// withoutTLS reports what is written at a plaintext port and could never take
// effect there. What it inherits is no mistake.
func (c *portChecker) withoutTLS(raw *rawPort) {
	const message = "has no effect on a plaintext port"
	const hint = `remove it, or set mode = "secure"`
	for _, l := range []Located[string]{raw.PasswordFile, raw.TrustedCA, raw.TLSProfile, raw.ClientAuth} {
		if l.Set {
			c.report(l.Problem(message, hint))
		}
	}
	for _, l := range []document.List{raw.Certificate, raw.CertificateKey, raw.CRL, raw.ALPN} {
		if l.Set {
			c.report(l.Problem(message, hint))
		}
	}
	if raw.SessionTickets.Set {
		c.report(raw.SessionTickets.Problem(message, hint))
	}
	for _, s := range raw.SNI {
		c.report(s.Problem(message, hint))
	}
}

// exposed warns of plaintext that can be reached from the network.
func (c *portChecker) exposed(p Port) {
	if p.Listen.Value.Local() {
		return
	}
	switch p.Mode.Value {
	case ModePlaintext:
		c.report(p.Listen.Warning("a plaintext port that can be reached from the network",
			`listen on 127.0.0.1, or set mode = "secure"`))
	case ModeAutoDetect:
		c.report(p.Listen.Warning("an auto-detect port that can be reached from the network accepts plaintext as well",
			`set mode = "secure" once every client speaks TLS`))
	}
}
