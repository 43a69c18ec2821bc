package proxy

// Names of the attributes of a session's log record. They are a contract with everybody who
// reads the log: [Attributes] explains each.
const (
	KeyID              = "id"
	KeyApplication     = "application"
	KeyPort            = "port"
	KeyGeneration      = "generation"
	KeySource          = "source"
	KeyPeer            = "peer"
	KeyDestination     = "destination"
	KeyMode            = "mode"
	KeyTLSVersion      = "tls_version"
	KeyCipher          = "cipher"
	KeyGroup           = "group"
	KeyResumed         = "resumed"
	KeySNI             = "sni"
	KeyALPN            = "alpn"
	KeyOffered         = "tls_offered"
	KeyPeerSubject     = "peer_subject"
	KeyPeerSerial      = "peer_serial"
	KeyIdentities      = "peer_identities"
	KeyUnverified      = "peer_subject_unverified"
	KeyCertificate     = "certificate"
	KeyUpstream        = "upstream"
	KeyUpstreamLocal   = "upstream_local"
	KeyUpstreamTLS     = "upstream_tls"
	KeyUpstreamResumed = "upstream_resumed"
	KeyUpstreamSpare   = "upstream_spare"
	KeyAttempts        = "upstream_attempts"
	KeyBytesIn         = "bytes_in"
	KeyBytesOut        = "bytes_out"
	KeyDetect          = "detect_ms"
	KeyHandshake       = "handshake_ms"
	KeyDial            = "dial_ms"
	KeyTotal           = "total_ms"
	KeyVerdict         = "verdict"
	KeyRule            = "rule"
	KeyPolicyClient    = "client"
	KeyReason          = "reason"
	KeyNearest         = "nearest"
	KeyFailed          = "failed_condition"
	KeyHint            = "hint"
	KeyLocked          = "locked_until"
	KeyClosedBy        = "closed_by"
	KeyCloseReason     = "close_reason"
	KeyDenialReason    = "denial_reason"
	KeyDenialRule      = "denial_rule"
	KeyError           = "error"
	KeySuppressed      = "suppressed"
)

// Attribute explains one attribute of the session record.
type Attribute struct {
	Name string
	Text string
}

// Attributes returns every attribute a session record can have, in the order in which
// they are written. An attribute without a value is left out. The slice is the caller's.
func Attributes() []Attribute {
	return []Attribute{
		{KeyID, "identifies the session; also sent to the upstream as the unique id of a PROXY v2 header"},
		{KeyApplication, "application that the port belongs to"},
		{KeyPort, "id of the port"},
		{KeyGeneration, "number of the generation (of configuration, policy and certificates) that the session runs under"},
		{KeySource, "address and port of the client: of the PROXY header where there is one, else of the socket; `unix` for a UNIX socket"},
		{KeyPeer, "address and port of the socket's other end; only where it differs from source, behind a load balancer"},
		{KeyDestination, "address and port that the client connected to"},
		{KeyMode, "what the session turned out to be: `tls` or `plaintext`; absent when it ended before that was known"},
		{KeyTLSVersion, "TLS version with the client"},
		{KeyCipher, "TLS cipher suite with the client"},
		{KeyGroup, "TLS key exchange group with the client"},
		{KeyResumed, "whether the client resumed an earlier TLS session"},
		{KeySNI, "server name that the client asked for"},
		{KeyALPN, "application protocol that was agreed on"},
		{KeyOffered, "newest TLS version that the client offered; only where the handshake failed"},
		{KeyPeerSubject, "subject of the client's verified certificate"},
		{KeyPeerSerial, "serial number of the client's verified certificate, hexadecimal"},
		{KeyIdentities, "identities that the client's verified certificate proves, written as in policy files and with spaces between them; those with a space or another odd character are in quotes; without a filter of its own it has that of peer_subject"},
		{KeyUnverified, "subject of the certificate that the client showed, which anybody can write; only where the handshake failed"},
		{KeyCertificate, "certificate that was served: subject and serial number; absent on resumed sessions, which serve none"},
		{KeyUpstream, "upstream endpoint"},
		{KeyUpstreamLocal, "local address and port of the connection to the upstream"},
		{KeyUpstreamTLS, "TLS version with the upstream"},
		{KeyUpstreamResumed, "whether the TLS session with the upstream was resumed"},
		{KeyUpstreamSpare, "true where the connection to the upstream was kept in store (standby = \"hot\"); its TLS handshake was before the session"},
		{KeyAttempts, "attempts to connect to the upstream; only where one was not enough"},
		{KeyBytesIn, "payload bytes delivered from the client to the upstream; of a session that was cut, without what was half delivered"},
		{KeyBytesOut, "payload bytes delivered from the upstream to the client; likewise"},
		{KeyDetect, "milliseconds spent on telling TLS from plaintext"},
		{KeyHandshake, "milliseconds of the TLS handshake with the client"},
		{KeyDial, "milliseconds to connect to the upstream, its TLS handshake included"},
		{KeyTotal, "milliseconds from accept to the end"},
		{KeyVerdict, "`allow`, `deny` or `audit-deny`"},
		{KeyRule, "id of the policy rule or block that decided"},
		{KeyPolicyClient, "client of the policy that the session is counted for, or whose require_tls denies it; absent where the source counts for itself"},
		{KeyReason, "reason code of the verdict"},
		{KeyNearest, "id of the policy rule that came nearest to allowing a denied session"},
		{KeyFailed, "the first condition that the nearest rule was missing: `destination` (no rule names the port), `address`, `source port`, `tls`, `identity` or `period`"},
		{KeyHint, "what to look at first, for people"},
		{KeyLocked, "this refusal locked the source out: until when, or `forever`"},
		{KeyClosedBy, "who ended the session: `client`, `upstream` or `sallyport`"},
		{KeyCloseReason, "reason code of the end; the same as reason where a session was refused"},
		{KeyDenialReason, "reason code by which a changed policy denies the established session; only where close_reason is policy_change"},
		{KeyDenialRule, "the block that now denies the session, or else the rule that comes nearest to allowing it; likewise"},
		{KeyError, "the underlying error, for people"},
		{KeySuppressed, "refusals before this one that were counted but not logged"},
	}
}
