package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// Policy says which files make up the policy, and what becomes of sessions when
// it changes.
type Policy struct {
	// Set tells that there is a [policy]. Without one every connection is denied.
	Set bool

	Patterns []Pattern // as configured

	// Files are what the patterns stand for, sorted and each once, at the place of
	// the first pattern that names it. Only [Load] finds them: [Parse] opens
	// nothing.
	Files []Located[string]

	OnChange    PolicyChange
	CloseSpread time.Duration // with ChangeClose: the time over which closes are spread; 0: at once
}

// Pattern names files.
type Pattern struct {
	Located[string]      // resolved
	Glob            bool // in the syntax of path/filepath; otherwise the path of one file
}

// PolicyChange is what becomes of established sessions that a new policy denies.
type PolicyChange string

// What becomes of established sessions that a new policy denies.
const (
	ChangeKeep  PolicyChange = "keep"
	ChangeClose PolicyChange = "close"
)

func (c *checker) policy(raw rawPolicy) Policy {
	p := Policy{
		Set:         raw.Set,
		OnChange:    choose(c, raw.OnChange, ChangeKeep, ChangeClose).Value,
		CloseSpread: c.duration(raw.CloseSpread),
	}
	if p.Set && !raw.Files.Set {
		c.report(raw.Files.Problem("missing: which files make up the policy", `add files = ["policy.toml"]; globs such as "policies/*.toml" are allowed`))
	}
	for _, l := range raw.Files.Value {
		if pattern, ok := c.pattern(l); ok {
			p.Patterns = append(p.Patterns, pattern)
		}
	}
	return p
}

// PolicyPorts returns the ports of all applications as rules know them.
func (cfg *Config) PolicyPorts() []policy.Port {
	var ports []policy.Port
	for i := range cfg.Applications {
		for j := range cfg.Applications[i].Ports {
			ports = append(ports, cfg.Applications[i].Ports[j].ForPolicy())
		}
	}
	return ports
}

// ForPolicy returns the port as rules know it.
func (p *Port) ForPolicy() policy.Port {
	tls, auth := p.Mode.Value != ModePlaintext, p.ClientAuth.Value
	return policy.Port{
		Application: p.Application,
		ID:          p.ID.Value,
		Mode:        policyMode(p.Mode.Value),
		ClientAuth:  tls && auth != ClientAuthNone,
		Exposed:     !p.Listen.Value.Local(),

		DemandsCertificate: tls && auth == ClientAuthRequire,
		Origins:            p.origins(),
	}
}

// origins says where the port's connections can come from.
func (p *Port) origins() policy.Origins {
	if p.ProxyProtocol {
		return policy.AnyOrigin
	}
	switch p.Listen.Value.Network {
	case "tcp":
		return policy.IPOrigin
	case "tcp4":
		return policy.IPv4Origin
	case "tcp6":
		return policy.IPv6Origin
	case "unix":
		return policy.UNIXOrigin
	default:
		return policy.AnyOrigin
	}
}

func policyMode(m Mode) policy.Mode {
	switch m {
	case ModeSecure:
		return policy.Secure
	case ModeAutoDetect:
		return policy.AutoDetect
	default:
		return policy.Plaintext
	}
}

// wildcards are what makes a path a glob.
const wildcards = "*?["

// pattern resolves a path or glob.
func (c *checker) pattern(l Located[string]) (Pattern, bool) {
	if f := pathFlaw(l.Value); f != nil {
		c.report(l.Problem(f.message, f.hint))
		return Pattern{}, false
	}
	if !strings.ContainsAny(l.Value, wildcards) {
		return Pattern{Located: c.location(l)}, true
	}
	if _, err := filepath.Match(l.Value, ""); err != nil {
		c.report(l.Problem(fmt.Sprintf("%q is not a glob", l.Value),
			"* stands for any characters, ? for one, [a-z] for one of those; none of them for a slash"))
		return Pattern{}, false
	}
	return Pattern{Located: document.At(l, resolve(literal(c.dir), l.Value)), Glob: true}, true
}
