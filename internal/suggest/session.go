package suggest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
)

// session is what a record says, as far as rules need it.
type session struct {
	time        time.Time      // zero if it cannot be read
	source      netip.AddrPort // invalid for a UNIX socket of this host
	application string
	port        string
	speech      speech
	reason      policy.Reason     // empty if it is hidden
	shown       []policy.Identity // everything that the log has of the certificate
	identities  []policy.Identity // those that rules can demand
	certified   bool              // there was a certificate, whether the log has anything of it or not
	subject     string            // of the certificate
	nearest     string            // rule
	condition   string            // that it failed
}

// speech is what the client spoke.
type speech uint8

const (
	unknownSpeech speech = iota // the session was refused before that was known
	tlsSpeech
	plainSpeech
)

// helped are the reasons for denials that a further rule changes, in the order of the log's
// documentation; hidden is one that cannot be seen.
var helped = [...]policy.Reason{policy.OnlyAudit, policy.NoRule, policy.SourcePortMismatch, policy.NeedsTLS, policy.NeedsPlaintext,
	policy.IdentityMissing, policy.IdentityMismatch, policy.NotYetValid, policy.Expired, hidden}

const hidden policy.Reason = ""

// masked is what [log] filter writes in place of a value.
const masked = "****"

// shown returns a value that is there and not hidden.
func (f fields) shown(key string) string {
	if value := f[key]; value != masked {
		return value
	}
	return ""
}

// understand reads a record. It returns why the record does not count, if so, with an example.
func (s *Survey) understand(f fields) (one session, why cause, example string) {
	if why, example := s.understandVerdict(f); why != nothing {
		return session{}, why, example
	}
	for _, key := range []string{keySource, keyApplication, keyPort} {
		if f.shown(key) == "" {
			return session{}, attributeMissing, key
		}
	}
	one = session{
		application: f[keyApplication],
		port:        f[keyPort],
		speech:      f.speech(),
		reason:      policy.Reason(f.shown(keyReason)),
		shown:       readIdentities(f.shown(keyIdentities)),
		certified:   f[keySubject] != "" || f[keyIdentities] != "",
		subject:     f.shown(keySubject),
		nearest:     f.shown(keyNearest),
		condition:   f.shown(keyCondition),
	}
	one.identities = clean(slices.Clone(one.shown))
	if !isIdentifier(one.application) || !isIdentifier(one.port) {
		return session{}, valueUnknown, one.application + "/" + one.port
	}
	if when, err := time.Parse(time.RFC3339Nano, f[keyTime]); err == nil {
		one.time = when.UTC()
	}
	if one.source, why = f.source(); why != nothing {
		return session{}, why, f[keySource]
	}
	return one, nothing, ""
}

// understandVerdict tells whether a session would have been denied for a reason that rules change.
func (s *Survey) understandVerdict(f fields) (why cause, example string) {
	verdict, reason := f.shown(keyVerdict), policy.Reason(f.shown(keyReason))
	isHelped := slices.Contains(helped[:], reason)
	switch {
	case verdict == "":
		return attributeMissing, keyVerdict
	case verdict == policy.Allow.String():
		return sessionAllowed, ""
	case verdict != policy.Deny.String() && verdict != policy.AuditDeny.String():
		return valueUnknown, verdict
	}
	if verdict == policy.Deny.String() {
		if n, err := strconv.Atoi(f[keySuppressed]); err == nil && n > 0 {
			s.suppressed += n
		}
		if reason == hidden {
			return attributeMissing, keyReason
		}
	}
	switch {
	case reason == policy.Blocked:
		return sourceBlocked, ""
	case reason == policy.ClientNeedsTLS:
		return plaintextRefused, ""
	case reason == policy.RuleRate || reason == policy.RuleConnections:
		return ruleLimit, f.shown(keyRule)
	case reason == policy.SourceRate || reason == policy.SourceConnections || reason == policy.SourceHandshakes:
		return sourceLimit, ""
	case !isHelped:
		return otherReason, string(reason)
	case verdict == policy.Deny.String() && !s.Denied:
		return sessionDenied, ""
	}
	return nothing, ""
}

func (f fields) speech() speech {
	switch {
	case f[keyMode] == "tls", f[keyTLSVersion] != "", f[keySubject] != "", f[keyIdentities] != "": // hidden or not
		return tlsSpeech
	case f[keyMode] == "plaintext":
		return plainSpeech
	default:
		return unknownSpeech
	}
}

// source reads where a session came from, as the policy compares it.
func (f fields) source() (netip.AddrPort, cause) {
	if f[keySource] != "unix" {
		source, err := netip.ParseAddrPort(f[keySource])
		if err != nil {
			return netip.AddrPort{}, valueUnknown
		}
		return netip.AddrPortFrom(source.Addr().Unmap().WithZone(""), source.Port()), nothing
	}
	// A balancer can say that its client came by a UNIX socket. Only where the balancer is on this host is it
	// one of this host.
	if f[keyPeer] == "" || f[keyPeer] == "unix" {
		return netip.AddrPort{}, nothing
	}
	if peer, err := netip.ParseAddrPort(f[keyPeer]); err == nil && peer.Addr().Unmap().IsLoopback() {
		return netip.AddrPort{}, nothing
	}
	return netip.AddrPort{}, socketElsewhere
}

const longestIdentifier = 128

// isIdentifier reports whether the configuration takes name for an application or port.
func isIdentifier(name string) bool {
	return name != "" && len(name) <= longestIdentifier && !strings.ContainsFunc(name, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
}

// judge asks the policy in force. A session of which it is not known what it spoke is judged as one that
// has just begun.
func (s *Survey) judge(one *session) (why cause, example string) {
	if s.Policy == nil {
		return nothing, ""
	}
	port := s.knownPort(one.application, one.port)
	if port == nil {
		return portUnknown, one.application + "/" + one.port
	}
	switch {
	case port.Mode == policy.Plaintext && one.speech == tlsSpeech, port.Mode == policy.Secure && one.speech == plainSpeech:
		return modeGone, port.Name()
	case port.Mode == policy.Plaintext:
		one.speech = plainSpeech
	case port.Mode == policy.Secure:
		one.speech = tlsSpeech
	}
	if !port.ClientAuth {
		one.shown, one.identities, one.certified = nil, nil, false // it asks for no certificate any more
	}
	facts := policy.Facts{
		Application: one.application,
		Port:        one.port,
		Source:      one.source,
		Peer:        one.source,
		Judged:      policy.Final,
		TLS:         one.speech == tlsSpeech,
		Identities:  policy.NewIdentities(one.shown...),
		Now:         s.Now,
	}
	if one.speech == unknownSpeech {
		facts.Judged = policy.Early
	}
	switch d := s.Policy.Decide(&facts); {
	case d.Verdict == policy.Allow:
		return allowedByNow, d.Rule
	case d.Reason == policy.Blocked:
		return sourceBlocked, d.Rule
	case d.Reason == policy.ClientNeedsTLS:
		return plaintextRefused, ""
	}
	if rule := s.byFingerprint(one, facts); rule != "" {
		return fingerprintUnknown, rule
	}
	return nothing, ""
}

// knownPort finds a port of the configuration, nil for none.
func (s *Survey) knownPort(application, id string) *policy.Port {
	if s.ports == nil {
		all := s.Policy.Source().Ports
		s.ports = make(map[string]*policy.Port, len(all))
		for i := range all {
			s.ports[all[i].Name()] = &all[i]
		}
	}
	return s.ports[application+"/"+id]
}
