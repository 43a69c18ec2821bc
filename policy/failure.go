package policy

// failedHandshake reports whether the code is that of a TLS handshake that was begun and came to
// nothing.
func (r Reason) failedHandshake() bool {
	switch r {
	case HandshakeTimeout, HandshakeClosed, HandshakeFailed, HandshakeAlert, VersionMismatch, CipherMismatch, ALPNMismatch,
		ClientCertMissing, ClientCertInvalid, ClientCertExpired, ClientCertRevoked, ClientCertUnknown, NotTLS:
		return true
	default:
		return false
	}
}

// counts reports whether the code counts towards a lock-out: a refusal by the policy, or a
// failed handshake.
//
// A client that only closed does not count, because health checks do that all day; nor do
// limits, which are an answer to themselves, blocks, which need no lock-out, a header
// that a balancer got wrong, because its clients would pay for it, and what is
// our own doing.
func (r Reason) counts() bool {
	switch r {
	case NoPolicy, NoRule, ClientNeedsTLS, SourcePortMismatch, NeedsTLS, NeedsPlaintext, IdentityMissing, IdentityMismatch, NotYetValid, Expired,
		HeaderUntrusted, DetectBroken, DetectSSLv2, SilentClient:
		return true
	case HandshakeClosed:
		return false
	default:
		return r.failedHandshake()
	}
}
