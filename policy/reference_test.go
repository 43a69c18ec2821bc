package policy_test

import (
	"cmp"
	"math"
	"math/bits"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// This file judges sessions as slowly and plainly as possible: every rule, every entry of
// its from, one after the other. The engine has to agree with it.

// entrant is a client or address that an entry of a from stands for.
type entrant struct {
	client *policy.Client // nil for an address
	prefix netip.Prefix
	word   string // "any" or "loopback"
}

func entrants(src *policy.Source, text string, depth int) []entrant {
	if text == "any" || text == "loopback" {
		return []entrant{{word: text}}
	}
	for i := range src.Clients {
		if src.Clients[i].Name == text {
			return []entrant{{client: &src.Clients[i]}}
		}
	}
	var all []entrant
	for _, g := range src.Groups {
		if g.Name == text && depth < 20 {
			for _, m := range g.Members {
				all = append(all, entrants(src, m, depth+1)...)
			}
			return all
		}
	}
	prefix, err := policy.ParsePrefix(text)
	if err != nil {
		panic(err)
	}
	return []entrant{{prefix: prefix}}
}

// known says what a judge knows of a session.
type known struct {
	addr       netip.Addr
	local      bool
	port       uint16
	tls, plain bool // what the client may speak
	anybody    bool // the identity may be anything
	names      []policy.Identity
	now        time.Time
}

func loopbackAddr(a netip.Addr) bool { return a.IsValid() && a.IsLoopback() }

func (e entrant) address(k known) bool {
	switch {
	case e.word == "any":
		return true
	case e.word == "loopback":
		return loopbackAddr(k.addr) || k.local
	case e.client == nil:
		return e.prefix.Contains(k.addr)
	case len(e.client.Addresses) == 0:
		return true
	}
	return slices.ContainsFunc(e.client.Addresses, func(p netip.Prefix) bool { return p.Contains(k.addr) })
}

func (e entrant) sourcePort(k known) bool {
	if e.client == nil || len(e.client.Ports) == 0 {
		return true
	}
	return slices.ContainsFunc(e.client.Ports, func(r policy.PortRange) bool { return r.First <= k.port && k.port <= r.Last })
}

func covers(pattern, name policy.Identity) bool {
	if pattern == name {
		return true
	}
	if pattern.Kind != name.Kind {
		return false
	}
	switch pattern.Kind {
	case policy.DNSName:
		suffix, isPattern := strings.CutPrefix(pattern.Value, "*.")
		_, rest, _ := strings.Cut(name.Value, ".")
		return isPattern && rest == suffix
	case policy.URIName:
		base, isPattern := strings.CutSuffix(pattern.Value, "/*")
		rest, below := strings.CutPrefix(name.Value, base+"/")
		u, err := url.Parse(name.Value)
		// Escapes, queries and empty or dotted segments make it unclear what lies below what.
		return isPattern && below && err == nil && !strings.ContainsAny(name.Value, `%?#\`) &&
			!strings.HasSuffix(rest, "/") && rest != "" && path.Clean(u.Path) == u.Path
	}
	return false
}

func (e entrant) identity(k known) bool {
	if e.client == nil || len(e.client.Identities) == 0 || k.anybody {
		return true
	}
	for _, pattern := range e.client.Identities {
		for _, name := range k.names {
			if covers(pattern, name) {
				return true
			}
		}
	}
	return false
}

func (e entrant) encryption(r *policy.Rule, k known) bool {
	if e.client != nil && len(e.client.Identities) > 0 && k.anybody {
		k.plain = false // who shows an identity speaks TLS
	}
	return k.tls && r.TLS != policy.PlaintextOnly || k.plain && r.TLS != policy.TLSRequired
}

func inPeriod(r *policy.Rule, now time.Time) bool {
	if now.IsZero() {
		return r.ValidFrom.IsZero() && r.Expires.IsZero()
	}
	day := now.UTC().Format("2006-01-02")
	return (r.ValidFrom.IsZero() || r.ValidFrom.Format("2006-01-02") <= day) &&
		(r.Expires.IsZero() || day <= r.Expires.Format("2006-01-02"))
}

// fulfilled counts the demands of an entrant that the session meets.
func (e entrant) fulfilled(k known) (n int) {
	addressed := e.word == "loopback" || e.word == "" && (e.client == nil || len(e.client.Addresses) > 0)
	if addressed && e.address(k) {
		n++
	}
	if e.client == nil {
		return n
	}
	if len(e.client.Ports) > 0 && e.address(k) && e.sourcePort(k) {
		n++
	}
	if len(e.client.Identities) > 0 && !k.anybody && e.identity(k) {
		n++
	}
	return n
}

// failures returns the conditions that do not hold, the first looked at as the highest bit.
func (e entrant) failures(r *policy.Rule, k known) (mask int) {
	switch {
	case !e.address(k):
		mask |= 16
	case !e.sourcePort(k):
		mask |= 8
	}
	if !e.encryption(r, k) {
		mask |= 4
	}
	if !e.identity(k) {
		mask |= 2
	}
	if !inPeriod(r, k.now) {
		mask |= 1
	}
	return mask
}

func bound(n float64) float64 {
	if n == 0 {
		return math.Inf(1)
	}
	return n
}

// preference compares two rules that both let a session pass.
func preference(a, b *policy.Rule) int {
	depth := func(l *policy.Limits) float64 {
		if l.Burst > 0 || l.Rate.IsZero() {
			return bound(float64(l.Burst))
		}
		return math.Max(1, math.Ceil(l.Rate.PerSecond()))
	}
	return cmp.Or(
		cmp.Compare(a.Mode, b.Mode),
		cmp.Compare(bound(float64(b.MaxConnections)), bound(float64(a.MaxConnections))),
		cmp.Compare(bound(b.Rate.PerSecond()), bound(a.Rate.PerSecond())),
		cmp.Compare(depth(&b.Limits), depth(&a.Limits)),
		cmp.Compare(a.ID, b.ID))
}

// entryOrder compares entries of a from that both let a session pass.
func entryOrder(src *policy.Source, a, b string) int {
	kind := func(text string) int {
		switch {
		case slices.ContainsFunc(src.Clients, func(c policy.Client) bool { return c.Name == text }):
			return 0
		case slices.ContainsFunc(src.Groups, func(g policy.Group) bool { return g.Name == text }):
			return 1
		case text == "any":
			return 3
		case text == "loopback":
			return 4
		default:
			return 2
		}
	}
	return cmp.Or(cmp.Compare(kind(a), kind(b)), cmp.Compare(a, b))
}

func namesPort(r *policy.Rule, p *policy.Port) bool {
	return slices.Contains(r.To, p.Application+"/"+p.ID) || slices.Contains(r.To, p.Application+"/*")
}

// knownOf takes the facts apart; strict names the client with require_tls that the
// source belongs to.
func knownOf(src *policy.Source, p *policy.Port, f *policy.Facts, names []policy.Identity) (k known, strict string) {
	k = known{addr: f.Source.Addr().Unmap().WithZone(""), port: f.Source.Port(), now: f.Now}
	k.local = !k.addr.IsValid() && (!f.Peer.IsValid() || loopbackAddr(f.Peer.Addr().Unmap()))
	early := f.Judged == policy.Early
	k.tls = early && p.Mode != policy.Plaintext || !early && f.TLS
	k.plain = early && p.Mode != policy.Secure || !early && !f.TLS
	for i := range src.Clients {
		e := entrant{client: &src.Clients[i]}
		if k.plain && e.client.RequireTLS && e.address(k) && e.sourcePort(k) && (strict == "" || e.client.Name < strict) {
			strict = e.client.Name
		}
	}
	if strict != "" && k.tls {
		k.plain, strict = false, ""
	}
	if k.tls && p.ClientAuth {
		k.anybody = early
		if !early {
			k.names = names
		}
	}
	return k, strict
}

// judged is the reference's decision.
func judged(src *policy.Source, f *policy.Facts, names []policy.Identity) policy.Decision {
	d := verdict(src, f, names)
	name := f.Application + "/" + f.Port
	audited := src.Audit.All || slices.ContainsFunc(src.Ports, func(p policy.Port) bool { return p.Name() == name }) &&
		(slices.Contains(src.Audit.Ports, name) || slices.Contains(src.Audit.Ports, f.Application+"/*"))
	if d.Verdict == policy.Deny && audited {
		d.Verdict = policy.AuditDeny
	}
	return d
}

func verdict(src *policy.Source, f *policy.Facts, names []policy.Identity) policy.Decision {
	if block := blocking(src, f.Source.Addr().Unmap().WithZone("")); block != "" {
		return policy.Decision{Rule: block, Reason: policy.Blocked}
	}
	at := slices.IndexFunc(src.Ports, func(p policy.Port) bool { return p.Application == f.Application && p.ID == f.Port })
	if at < 0 {
		return policy.Decision{Reason: policy.NoRule, Failed: policy.Destination}
	}
	port := &src.Ports[at]
	k, strict := knownOf(src, port, f, names)
	if strict != "" {
		return policy.Decision{Reason: policy.ClientNeedsTLS, Failed: policy.Encryption, Match: policy.Match{Client: strict}}
	}
	var best, near *policy.Rule
	var entry string
	var who entrant
	missed, met := 0, 0
	for i := range src.Rules {
		r := &src.Rules[i]
		if r.Mode == policy.Off || !namesPort(r, port) {
			continue
		}
		for _, text := range r.From {
			for _, e := range entrants(src, text, 0) {
				mask := e.failures(r, k)
				if mask == 0 && (best == nil || preference(r, best) < 0 || r == best && better(src, text, entry, e, who)) {
					best, entry, who = r, text, e
				}
				order := closer(mask, missed, e.fulfilled(k), met)
				if near == nil || order < 0 || order == 0 && r.ID < near.ID {
					near, missed, met = r, mask, e.fulfilled(k)
				}
			}
		}
	}
	switch {
	case best != nil:
		return passing(src, f, k, best, who)
	case near == nil:
		return policy.Decision{Reason: policy.NoRule, Failed: policy.Destination}
	}
	return refusing(near, missed, k, len(k.names) > 0)
}

func closer(a, b, metA, metB int) int {
	return cmp.Or(cmp.Compare(bits.OnesCount(uint(a)), bits.OnesCount(uint(b))), cmp.Compare(metB, metA), cmp.Compare(a, b))
}

// better compares two ways by which one rule lets a session pass.
func better(src *policy.Source, text, than string, e, other entrant) bool {
	if order := entryOrder(src, text, than); order != 0 {
		return order < 0
	}
	if e.client == nil || other.client == nil {
		return e.client != nil && other.client == nil
	}
	return e.client.Name < other.client.Name
}

func blocking(src *policy.Source, addr netip.Addr) string {
	id, length := "", -1
	for _, b := range src.Blocks {
		for _, p := range b.Addresses {
			if p.Contains(addr) && (p.Bits() > length || p.Bits() == length && b.ID < id) {
				id, length = b.ID, p.Bits()
			}
		}
	}
	return id
}

func passing(src *policy.Source, f *policy.Facts, k known, r *policy.Rule, who entrant) policy.Decision {
	if f.Judged == policy.Early {
		return policy.Decision{Verdict: policy.Allow, Reason: policy.Allowed}
	}
	d := policy.Decision{Verdict: policy.Allow, Rule: r.ID, Reason: policy.Allowed, Match: policy.Match{Rule: r.ID}}
	if r.Mode == policy.AuditRule {
		d.Verdict, d.Reason = policy.AuditDeny, policy.OnlyAudit
	}
	if r.Limits != (policy.Limits{}) {
		d.Limits = &r.Limits
	}
	switch {
	case who.client != nil:
		d.Match.Client = who.client.Name
	case k.addr.Is4():
		d.Match.Source = netip.PrefixFrom(k.addr, 32)
	case k.addr.Is6():
		d.Match.Source = netip.PrefixFrom(k.addr, cmp.Or(src.Defaults.IPv6Prefix, 64)).Masked()
	}
	return d
}

func refusing(r *policy.Rule, missed int, k known, shown bool) policy.Decision {
	d := policy.Decision{Nearest: r.ID}
	switch {
	case missed&16 != 0:
		d.Failed, d.Reason = policy.SourceAddress, policy.NoRule
	case missed&8 != 0:
		d.Failed, d.Reason = policy.SourcePort, policy.SourcePortMismatch
	case missed&4 != 0:
		d.Failed, d.Reason = policy.Encryption, policy.NeedsTLS
		if r.TLS == policy.PlaintextOnly {
			d.Reason = policy.NeedsPlaintext
		}
	case missed&2 != 0:
		d.Failed, d.Reason = policy.Identification, policy.IdentityMissing
		if shown {
			d.Reason = policy.IdentityMismatch
		}
	default:
		d.Failed, d.Reason = policy.Period, policy.Expired
		if !r.ValidFrom.IsZero() && k.now.Before(r.ValidFrom) {
			d.Reason = policy.NotYetValid
		}
	}
	return d
}
