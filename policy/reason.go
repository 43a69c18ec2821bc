package policy

import (
	"cmp"
	"errors"
	"slices"
)

// Reason is a code from a closed list: why a session was let through, refused or
// ended. Codes appear in the log, in metrics and in exports, so an existing
// one keeps its name and meaning.
type Reason string

// Why a session was let through.
const (
	Allowed   Reason = "allowed"    // a rule allows it
	OnlyAudit Reason = "audit_rule" // a rule in audit mode lets it through
)

// Why the policy denies a session.
const (
	NoPolicy           Reason = "no_policy"
	NoRule             Reason = "no_rule"
	Blocked            Reason = "blocked"
	ClientNeedsTLS     Reason = "require_tls"
	SourcePortMismatch Reason = "source_port_mismatch"
	NeedsTLS           Reason = "tls_required"
	NeedsPlaintext     Reason = "plaintext_required"
	IdentityMissing    Reason = "identity_missing"
	IdentityMismatch   Reason = "identity_mismatch"
	NotYetValid        Reason = "not_yet_valid"
	Expired            Reason = "expired"
)

// Which limit of the policy refused a session, or that its source is locked out.
const (
	SourceRate        Reason = "source_rate"
	SourceConnections Reason = "source_connections"
	SourceHandshakes  Reason = "source_handshakes"
	SourceLocked      Reason = "source_locked"
	RuleRate          Reason = "rule_rate"
	RuleConnections   Reason = "rule_connections"
)

// Why a session was refused before anything of the upstream was dialled.
const (
	ConnectionLimit   Reason = "connection_limit"
	Draining          Reason = "draining"
	PortRemoved       Reason = "port_removed"
	HeaderUntrusted   Reason = "header_untrusted"
	HeaderTimeout     Reason = "header_timeout"
	HeaderMissing     Reason = "header_missing"
	HeaderInvalid     Reason = "header_invalid"
	DetectClosed      Reason = "detect_closed"
	DetectBroken      Reason = "detect_broken"
	DetectSSLv2       Reason = "detect_sslv2"
	SilentClient      Reason = "silent_client"
	NotTLS            Reason = "not_tls"
	HandshakeTimeout  Reason = "handshake_timeout"
	HandshakeBusy     Reason = "handshake_busy"
	HandshakeClosed   Reason = "handshake_closed"
	HandshakeFailed   Reason = "handshake_failed"
	HandshakeAlert    Reason = "handshake_alert"
	VersionMismatch   Reason = "version_mismatch"
	CipherMismatch    Reason = "cipher_mismatch"
	ALPNMismatch      Reason = "alpn_mismatch"
	ClientCertMissing Reason = "client_cert_missing"
	ClientCertInvalid Reason = "client_cert_invalid"
	ClientCertExpired Reason = "client_cert_expired"
	ClientCertRevoked Reason = "client_cert_revoked"
	ClientCertUnknown Reason = "client_cert_unknown_ca"
	ClientCertNoList  Reason = "client_cert_no_crl"
)

// Why no connection to the upstream could be made.
const (
	UpstreamRefused     Reason = "upstream_refused"
	UpstreamTimeout     Reason = "upstream_timeout"
	UpstreamUnreachable Reason = "upstream_unreachable"
	UpstreamUnresolved  Reason = "upstream_unresolved"
	UpstreamTLS         Reason = "upstream_tls"
	UpstreamHeader      Reason = "upstream_header"
	UpstreamDown        Reason = "upstream_down"
	UpstreamQueue       Reason = "upstream_queue"
)

// Why a connection to the upstream has no source port, where there is a client-side port definition.
const (
	SourceExhausted  Reason = "upstream_source_exhausted"
	SourceQueue      Reason = "upstream_source_queue"
	SourceTaken      Reason = "upstream_source_taken"
	SourceInUse      Reason = "upstream_source_in_use"
	SourceAbsent     Reason = "upstream_source_absent"
	SourcePrivileged Reason = "upstream_source_privileged"
	SourceFamily     Reason = "upstream_source_family"
)

// Why an established session ended.
const (
	EndOfStream      Reason = "end_of_stream"
	Truncated        Reason = "truncated"
	Reset            Reason = "reset"
	PeerAlert        Reason = "peer_alert"
	ProtocolError    Reason = "protocol_error"
	PeerDead         Reason = "peer_dead"
	Superseded       Reason = "superseded"
	PolicyChange     Reason = "policy_change"
	Failover         Reason = "failover"
	IdleTimeout      Reason = "idle_timeout"
	HalfCloseTimeout Reason = "half_close_timeout"
	LifetimeLimit    Reason = "lifetime_limit"
	Shutdown         Reason = "shutdown"
	InternalError    Reason = "internal_error"
)

// Explanation is a reason code with its meaning, one sentence for documents and
// for people who read a log.
type Explanation struct {
	Reason Reason
	Text   string
}

// Reasons returns the whole list of codes in alphabetical order. The slice is the caller's.
func Reasons() []Explanation {
	list := []Explanation{
		{NoPolicy, "denied: no policy is configured, so nobody is allowed anything"},
		{Allowed, "allowed: a rule of the policy allows the session"},
		{OnlyAudit, "let through: only a rule in audit mode allows it, so it would be denied"},
		{NoRule, "denied: no rule allows this source to connect to this port; what no rule allows is denied"},
		{Blocked, "denied: the source address is in a [[block]], which no rule overrides"},
		{ClientNeedsTLS, "denied: the source belongs to a client with require_tls and spoke plaintext, which no rule overrides"},
		{SourcePortMismatch, "denied: the source address is a client's and the source port is not; is there address translation on the way?"},
		{NeedsTLS, "denied: the nearest rule allows TLS only and the client spoke plaintext"},
		{NeedsPlaintext, "denied: the nearest rule allows plaintext only and the client spoke TLS"},
		{IdentityMissing, "denied: the nearest rule demands an identity and the client showed no certificate"},
		{IdentityMismatch, "denied: the client's certificate has none of the identities that the nearest rule demands"},
		{NotYetValid, "denied: the nearest rule becomes valid on a later day"},
		{Expired, "denied: the rule that would have allowed it has expired"},
		{SourceRate, "refused: the source opens connections faster than [defaults] rate and burst allow"},
		{SourceConnections, "refused: the source already holds as many connections as [defaults] max_connections allows"},
		{SourceHandshakes, "refused: the source begins or fails TLS handshakes faster than [defaults] handshakes allows"},
		{SourceLocked, "refused: the source is locked out after repeated failures; sallyport lockouts says until when"},
		{RuleRate, "refused: the client opens connections faster than the rule's rate and burst allow"},
		{RuleConnections, "refused: the client already holds as many connections as the rule's max_connections allows"},
		{ConnectionLimit, "refused: the process already holds as many connections as [limits] max_connections allows"},
		{Draining, "refused: the process is shutting down and takes no new session"},
		{PortRemoved, "refused: a reload has removed the port, and the client had connected before its socket closed"},
		{HeaderUntrusted, "refused: the port demands a PROXY header and the sender is not in proxy_trusted"},
		{HeaderTimeout, "refused: no complete PROXY header arrived within header_timeout"},
		{HeaderMissing, "refused: the port demands a PROXY header and the first bytes are none"},
		{HeaderInvalid, "refused: the PROXY header violates its specification"},
		{DetectClosed, "the client closed before it could be told whether it speaks TLS"},
		{DetectBroken, "refused: the first bytes begin like a TLS record and then are none; never treated as plaintext"},
		{DetectSSLv2, "refused: an SSLv2-style hello; clients that send one are too old for any supported version"},
		{SilentClient, "refused: nothing arrived within detect_timeout and the port says silent_client = \"refuse\""},
		{NotTLS, "refused: the client spoke plaintext on a port that only takes TLS"},
		{HandshakeTimeout, "refused: the TLS handshake was not complete within handshake_timeout"},
		{HandshakeBusy, "refused: so many handshakes were being computed that its turn came too late for handshake_timeout"},
		{HandshakeClosed, "the client closed during the TLS handshake"},
		{HandshakeFailed, "refused: the TLS handshake failed for a reason that has no code of its own; the log's error says which"},
		{HandshakeAlert, "the client ended the TLS handshake with an alert, as it does when it rejects the certificate"},
		{VersionMismatch, "refused: client and port have no TLS version in common"},
		{CipherMismatch, "refused: client and port have no cipher suite, group or signature algorithm in common"},
		{ALPNMismatch, "refused: client and port have no application protocol (ALPN) in common"},
		{ClientCertMissing, "refused: the port requires a client certificate and none was sent"},
		{ClientCertInvalid, "refused: the client certificate or its signature is not valid"},
		{ClientCertExpired, "refused: the client certificate is expired or not yet valid"},
		{ClientCertRevoked, "refused: the client certificate is revoked"},
		{ClientCertNoList, "refused: no current revocation list covers the issuer of the client certificate; renew the list in crl"},
		{ClientCertUnknown, "refused: the client certificate does not lead to trusted_ca"},
		{UpstreamRefused, "the upstream refused the connection"},
		{UpstreamTimeout, "the upstream did not answer within dial_timeout"},
		{UpstreamUnreachable, "the upstream cannot be reached: no route, no such socket, no permission, or no local address"},
		{UpstreamUnresolved, "the upstream's name could not be resolved"},
		{UpstreamTLS, "the TLS handshake with the upstream failed: its certificate, name, version or answer"},
		{UpstreamHeader, "the PROXY header could not be written to the upstream"},
		{UpstreamDown, "refused at once: no endpoint of the upstream is healthy; status says what is wrong with each"},
		{UpstreamQueue, "refused: too many sessions wait to be connected to the upstream's endpoint already (max_dials, dial_queue)"},
		{SourceExhausted, "every source port of the range is in use towards this destination, and none came free within wait"},
		{SourceQueue, "too many sessions wait for a source port of the range already"},
		{SourceTaken, "another program has the source port, or every port of the range; pins belong outside the ephemeral range"},
		{SourceInUse, "the kernel still has a connection from the source port to this destination, and it did not end within wait"},
		{SourceAbsent, "the source address is not an address of this host"},
		{SourcePrivileged, "source ports below 1024 take a privilege that the process does not have"},
		{SourceFamily, "no address of the upstream is of the source address' family, IPv4 or IPv6"},
		{Failover, "the endpoint of the session failed or was switched away from, and on_failover is \"close\""},
		{EndOfStream, "both sides ended their streams in order"},
		{Truncated, "a TLS peer closed its connection without close_notify; its data may be incomplete"},
		{Reset, "one side reset its connection; the reset was passed on"},
		{PeerAlert, "a TLS peer ended the session with a fatal alert"},
		{ProtocolError, "a TLS peer sent a record that is invalid"},
		{PeerDead, "a peer stopped answering the network for dead_peer_timeout"},
		{Superseded, "the same client connected anew from the same source port, so this connection was dead"},
		{PolicyChange, "a changed policy or the expiry of a rule denies the session, and on_policy_change is \"close\""},
		{IdleTimeout, "no byte in either direction for idle_timeout"},
		{HalfCloseTimeout, "one direction had ended and the other moved no byte for half_close_timeout"},
		{LifetimeLimit, "the session reached max_lifetime"},
		{Shutdown, "the process stopped and drain_timeout was over, or it was told to stop at once"},
		{InternalError, "a defect in sallyport itself; please report the log record"},
	}
	slices.SortFunc(list, func(a, b Explanation) int { return cmp.Compare(a.Reason, b.Reason) })
	return list
}

// Refusal is an error with its reason code: the step of a session that fails says why in
// a word from the closed list, and wraps the cause for people.
type Refusal struct {
	Reason Reason
	Err    error // the cause; may be nil
}

// Refuse returns a Refusal for err.
func Refuse(reason Reason, err error) *Refusal { return &Refusal{Reason: reason, Err: err} }

func (r *Refusal) Error() string {
	if r.Err == nil {
		return string(r.Reason)
	}
	return string(r.Reason) + ": " + r.Err.Error()
}

func (r *Refusal) Unwrap() error { return r.Err }

// ReasonOf returns the code of the first Refusal in err's chain, or otherwise
// when there is none.
func ReasonOf(err error, otherwise Reason) Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return otherwise
}
