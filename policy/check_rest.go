package policy

import (
	"fmt"
	"strings"
)

func (r *resolver) checkBlocks() {
	for i := range r.src.Blocks {
		b := &r.src.Blocks[i]
		where := at(BlockSection, i, "addresses")
		if len(b.Addresses) == 0 {
			r.fail(where, "the block names no address", "")
		}
		r.checkAddresses(b.Addresses, where)
		for j, p := range b.Addresses {
			if p.IsValid() && p.Bits() == 0 {
				r.warn(where.item(j), quoted(p.String())+" blocks every address of its family", "")
			}
		}
	}
}

func (r *resolver) checkDefaults() {
	where := func(field string) spot { return at(DefaultsSection, 0, field) }
	d := &r.src.Defaults
	r.checkLimits(&d.Limits, where)
	if d.IPv6Prefix < 0 || d.IPv6Prefix > 128 {
		r.fail(where("ipv6_prefix"), fmt.Sprintf("%d is no length of an IPv6 prefix", d.IPv6Prefix), "it is 1 to 128; 64 is the default")
	}
	if !d.Handshakes.valid() {
		r.fail(where("handshakes"), "not a rate", `write "50/s" or "600/m"`)
	}
}

func (r *resolver) checkLockout() {
	where := func(field string) spot { return at(LockoutSection, 0, field) }
	l := &r.src.Lockout
	r.exempt = r.elements(l.Exempt, where("exempt"))
	for i, e := range r.exempt {
		if e.kind == clientElement && len(r.src.Clients[e.index].Identities) > 0 {
			r.warn(where("exempt").item(i), fmt.Sprintf("client %q demands an identity, which is not known when a lock-out is looked at", l.Exempt[i]),
				"its addresses and ports are exempt, whoever connects from there")
		}
	}
	switch {
	case l.Failures < 0:
		r.fail(where("failures"), fmt.Sprintf("%d is no number of failures", l.Failures), "0 means no lock-out")
	case l.Failures == 0:
		return
	}
	if l.Window <= 0 {
		r.fail(where("window"), "a lock-out needs the time within which failures count", `write "30m"`)
	}
	if l.Duration <= 0 && !l.Forever {
		r.fail(where("duration"), "a lock-out needs a duration", `write "30m", or "forever" until somebody unlocks the source`)
	}
}

func (r *resolver) checkAudit() {
	where := at(AuditSection, 0, "ports")
	if r.src.Audit.All {
		r.warn(at(AuditSection, 0, "all"), "nothing is denied while all is true", "the log has a record with the verdict audit-deny for each that would be")
		if len(r.src.Audit.Ports) > 0 {
			r.warn(where, "ports has no effect while all is true", "")
		}
	}
	r.destinations(r.src.Audit.Ports, where)
}

func (r *resolver) checkTests() {
	for i := range r.src.Tests {
		r.checkTest(i)
	}
}

func (r *resolver) checkTest(i int) {
	t := &r.src.Tests[i]
	where := func(field string) spot { return at(TestSection, i, field) }
	if err := checkSource(t); err != nil {
		r.failParse(where("from"), err)
	}
	if t.Expect > AuditDeny {
		r.fail(where("expect"), "unknown value", `it is one of "allow", "deny" or "audit-deny"`)
	}
	if len(t.Identity) > 0 && !t.TLS {
		r.fail(where("identity"), "a session without TLS shows no identity", "set tls = true")
	}
	for j, identity := range t.Identity {
		if identity.isPattern() {
			r.warn(where("identity").item(j), quoted(identity.String())+" is taken for a certificate that says just that, with the *",
				"write a name that the pattern stands for")
		}
	}
	if strings.HasSuffix(t.To, "/*") {
		r.fail(where("to"), "a test names one port", `write "application/port"`)
		return
	}
	ports := r.destination(t.To, where("to"))
	if len(ports) == 0 {
		return
	}
	p := &r.src.Ports[ports[0]]
	if !p.Origins.Holds(t.From) {
		hint := "write the address of a client"
		if p.Origins == UNIXOrigin {
			hint = `write from = "unix"`
		}
		r.fail(where("from"), fmt.Sprintf("%s cannot connect to %q, which listens %s", fromText(t.From), t.To, p.Origins), "the session cannot happen: "+hint)
	}
	switch {
	case p.Mode == Plaintext && t.TLS:
		r.fail(where("tls"), quoted(t.To)+" takes plaintext only", "the session cannot happen: set tls = false")
	case p.Mode == Secure && !t.TLS:
		r.fail(where("tls"), quoted(t.To)+" takes TLS only", "the session cannot happen: set tls = true")
	case len(t.Identity) > 0 && !p.ClientAuth:
		r.fail(where("identity"), quoted(t.To)+" asks for no client certificate", "set client_auth on the port, or leave identity out")
	}
}

// checkSource refuses an address that no session has.
func checkSource(t *Test) error {
	addr := t.From.Addr()
	switch {
	case !addr.IsValid():
		return nil // a UNIX socket
	case addr.Zone() != "" || addr.Is4In6():
		return &Malformed{Problem: quoted(addr.String()) + " has a zone or is IPv4-mapped", Hint: didYouMean(addr.WithZone("").Unmap().String())}
	default:
		return nil
	}
}
