package policy

// failedHandshake reports whether the code is that of a TLS handshake that was begun and came to
// nothing.
func (r Reason) failedHandshake() bool {
	switch r {
	case HandshakeTimeout, HandshakeBusy, HandshakeClosed, HandshakeFailed, HandshakeAlert, VersionMismatch, CipherMismatch, ALPNMismatch,
		ClientCertMissing, ClientCertInvalid, ClientCertExpired, ClientCertRevoked, ClientCertUnknown, ClientCertNoList, NotTLS:
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
// that a balancer got wrong, because its clients would pay for it, and what may be
// our own doing: a certificate of ours that clients do not accept, which they tell
// by an alert, a revocation list that nobody renewed, or a processor that has too much to do.
// Everybody would be locked out, and still be when that is mended.
func (r Reason) counts() bool {
	switch r {
	case NoRule, ClientNeedsTLS, SourcePortMismatch, NeedsTLS, NeedsPlaintext, IdentityMissing, IdentityMismatch, NotYetValid, Expired,
		HeaderUntrusted, DetectBroken, DetectSSLv2, SilentClient:
		return true
	case HandshakeClosed, HandshakeAlert, HandshakeBusy, ClientCertNoList:
		return false
	default:
		return r.failedHandshake()
	}
}
