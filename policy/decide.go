package policy

import (
	"cmp"
	"net/netip"
)

// Decide judges a session. It allocates nothing.
//
// At the early moment only a session that no rule can allow any more is denied: what is not
// known yet (whether the client speaks TLS on an auto-detect port, its identity
// on a port that asks for a certificate) counts as what suits the rules best. At the final
// moment everything in the facts is taken as it is. A client of a UNIX socket has no
// address: it belongs to "any", to "loopback", and to clients without addresses and ports.
func (s *Set) Decide(f *Facts) Decision {
	if s == nil {
		return Decision{Reason: NoPolicy, Failed: Destination}
	}
	port := s.ports[portKey{f.Application, f.Port}]
	d := s.judge(port, f)
	if d.Verdict == Deny && s.audits(port) {
		d.Verdict = AuditDeny
	}
	return d
}

// audits reports whether audit mode lets everything pass at a port.
func (s *Set) audits(port *door) bool {
	if port == nil {
		return s.audit
	}
	return port.audit
}

// Terms implements [Judge].
func (s *Set) Terms(f *Facts) Terms {
	if s == nil || s.src == nil {
		return Terms{}
	}
	return Terms{
		Bounds: &s.src.Defaults,
		Audit:  s.audits(s.ports[portKey{f.Application, f.Port}]),
		Exempt: s.Exempt(f.Source, f.local()),
	}
}

func (s *Set) judge(port *door, f *Facts) Decision {
	var known [maxKeys]uint32
	q := s.ask(port, f, known[:0])
	if block, blocked := s.blocks.Lookup(q.addr); blocked {
		return Decision{Rule: s.src.Blocks[block].ID, Reason: Blocked}
	}
	if port == nil {
		return Decision{Reason: NoRule, Failed: Destination}
	}
	if q.strict && q.session == plainSession {
		return Decision{Reason: ClientNeedsTLS, Failed: Encryption, Match: Match{Client: s.roster.names[q.strictWho]}}
	}
	if len(port.layers) == 0 {
		return Decision{Reason: NoRule, Failed: Destination}
	}
	a := search(s, port, &q)
	if a.found() {
		return s.passes(port, &a, f)
	}
	return s.denies(&a, &q)
}

// question is what is known of a session, prepared for tables.
type question struct {
	addr         netip.Addr // invalid for a socket without addresses
	local        bool       // such a socket, of this host
	port         uint16
	session      int      // a state of slots
	strict       bool     // the source is a client's with require_tls
	strictWho    int32    // that one
	unidentified bool     // who it is will only be known later
	shown        bool     // a certificate with names was shown
	identities   []uint32 // those of its names that the policy knows
	now          int64
}

// ask prepares facts, with room for the identities in known.
func (s *Set) ask(port *door, f *Facts, known []uint32) question {
	// The caller has unmapped addresses. It is made sure of, because an address in another form
	// would match nothing, blocks included.
	q := question{addr: f.Source.Addr().Unmap().WithZone(""), port: f.Source.Port(), now: f.Now.Unix()}
	q.local = f.local()
	if port == nil {
		return q
	}
	q.session = port.session(f)
	if s.needTLS != nil && q.session != tlsSession {
		q.strictWho, q.strict = s.needTLS.find(&q)
		if q.strict && q.session == eitherSession {
			q.session = tlsSession // plaintext would be refused
		}
	}
	if !port.ClientAuth || q.session == plainSession {
		return q
	}
	if f.Judged == Early {
		q.unidentified = true
		return q
	}
	q.shown = !f.Identities.IsZero()
	q.identities = s.identify(f.Identities, known)
	return q
}

// session returns what is known of a session's encryption.
func (d *door) session(f *Facts) int {
	switch {
	case f.Judged == Final && f.TLS:
		return tlsSession
	case f.Judged == Final:
		return plainSession
	case d.Mode == Secure:
		return tlsSession
	case d.Mode == Plaintext:
		return plainSession
	default:
		return eitherSession
	}
}

// identify appends those identities to known that the policy names.
func (s *Set) identify(all Identities, known []uint32) []uint32 {
	for _, name := range all.names {
		if s.kinds&kindBit(name.Kind) == 0 {
			continue
		}
		if number, named := s.identities[name]; named {
			known = append(known, number)
		}
	}
	for _, pattern := range all.patterns {
		if s.kinds&patternBit(pattern.Kind) == 0 {
			continue
		}
		if number, named := s.identities[pattern]; named {
			known = append(known, number)
		}
	}
	return known
}

// kindBit and patternBit are what a policy notes of the identities in it, so that it does not
// look for others.
func kindBit(kind IdentityKind) uint32 { return 1 << kind }

func patternBit(kind IdentityKind) uint32 { return 1 << (16 + kind) }

// passes is the decision for a session that a rule lets through. It must not look at the
// question: what the decision takes from there would move its identities to the heap.
func (s *Set) passes(port *door, a *answer, f *Facts) Decision {
	if f.Judged == Early {
		return Decision{Verdict: Allow, Reason: Allowed}
	}
	return s.allows(a.rule, port.who(a), f)
}

// allows is the decision of a rule that lets a session pass, which counts for who.
func (s *Set) allows(rule, who int32, f *Facts) Decision {
	r := &s.rules[rule]
	d := Decision{Verdict: Allow, Rule: r.id, Reason: Allowed, Match: Match{Rule: r.id}, Limits: r.limits}
	if r.audit {
		d.Verdict, d.Reason = AuditDeny, OnlyAudit
	}
	if who != nobody {
		d.Match.Client = s.roster.names[who]
	} else {
		d.Match.Source = s.Counted(f.Source.Addr())
	}
	return d
}

// Counted returns what an address is counted as where sources are counted: itself, or for
// IPv6 its prefix of [Defaults] length. It is the zero prefix for an invalid address.
func (s *Set) Counted(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		if bits = 64; s != nil && s.src != nil {
			bits = cmp.Or(s.src.Defaults.IPv6Prefix, bits)
		}
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // an invalid address
	}
	return prefix
}

// denies is the decision for a session that no rule lets through.
func (s *Set) denies(a *answer, q *question) Decision {
	r := &s.rules[a.near]
	return Decision{Nearest: r.id, Failed: a.nearby.missed.first(), Reason: reasonFor(r, a.nearby.missed, q)}
}

// reasonFor returns the code of the first condition that a rule fails.
func reasonFor(r *rule, missed misses, q *question) Reason {
	switch missed.first() {
	case SourcePort:
		return SourcePortMismatch
	case Encryption:
		if r.TLS == PlaintextOnly {
			return NeedsPlaintext
		}
		return NeedsTLS
	case Identification:
		if q.shown {
			return IdentityMismatch
		}
		return IdentityMissing
	case Period:
		if q.now < r.begins {
			return NotYetValid
		}
		return Expired
	default:
		return NoRule
	}
}

// Exempt reports whether a source cannot be locked out. local tells that a source without an
// address is a UNIX socket of this host.
func (s *Set) Exempt(source netip.AddrPort, local bool) bool {
	if s == nil || s.exempt == nil {
		return false
	}
	q := question{addr: source.Addr().Unmap().WithZone(""), port: source.Port()}
	q.local = local && !q.addr.IsValid()
	_, found := s.exempt.find(&q)
	return found
}
