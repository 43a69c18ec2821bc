package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"time"

	"sallyport/policy"
)

// record collects what the log will say of a session.
type record struct {
	state        *tls.ConnectionState // with the client; nil for plaintext
	mode         string
	served       *x509.Certificate
	stranger     *stranger // only where the handshake failed
	upstream     string
	local        string
	upstreamTLS  *tls.ConnectionState
	spare        bool // the connection to the upstream was kept in store
	attempts     int  // to connect to an upstream
	in, out      int64
	detect       time.Duration
	handshake    time.Duration
	dial         time.Duration
	decision     policy.Decision
	locked       policy.Locked // the source, by this refusal
	isLocked     bool
	end          ending
	suppressedBy int
}

// attrs adds the attributes that have a value to a list.
func (s *session) attrs(a attrList) attrList {
	r := &s.record
	a.text(KeyID, s.id)
	a.text(KeyApplication, s.port.Application)
	a.text(KeyPort, s.port.ID)
	a.number(KeyGeneration, int64(s.gen.Number))
	a.address(KeySource, s.facts.Source)
	if s.facts.Peer != s.facts.Source {
		a.address(KeyPeer, s.facts.Peer)
	}
	if s.origin.Destination.IsValid() {
		a.address(KeyDestination, s.origin.Destination)
	}
	a.text(KeyMode, r.mode)
	a.tls(r.state)
	if r.state != nil {
		a.text(KeyIdentities, identitiesText(s.facts.Identities))
	}
	a.stranger(r.stranger)
	a.certificate(KeyCertificate, &s.server.served, r.served)
	a.text(KeyUpstream, r.upstream)
	a.text(KeyUpstreamLocal, r.local)
	if r.upstreamTLS != nil {
		a.text(KeyUpstreamTLS, tls.VersionName(r.upstreamTLS.Version))
		a.flag(KeyUpstreamResumed, r.upstreamTLS.DidResume)
	}
	if r.spare {
		a.flag(KeyUpstreamSpare, true)
	}
	if r.attempts > 1 {
		a.number(KeyAttempts, int64(r.attempts))
	}
	a.number(KeyBytesIn, r.in)
	a.number(KeyBytesOut, r.out)
	a.milliseconds(KeyDetect, r.detect)
	a.milliseconds(KeyHandshake, r.handshake)
	a.milliseconds(KeyDial, r.dial)
	a.milliseconds(KeyTotal, time.Since(s.begun))
	a.text(KeyVerdict, r.decision.Verdict.String())
	a.text(KeyRule, r.decision.Rule)
	a.text(KeyPolicyClient, r.decision.Match.Client)
	a.text(KeyReason, string(r.decision.Reason))
	a.text(KeyNearest, r.decision.Nearest)
	a.text(KeyFailed, r.decision.Failed.String())
	if r.decision.Reason == policy.SourcePortMismatch {
		a.text(KeyHint, "address translation on the way?")
	}
	a.text(KeyLocked, lockedText(r.locked, r.isLocked))
	a.text(KeyClosedBy, string(r.end.side))
	a.text(KeyCloseReason, string(r.end.reason))
	if denial := r.end.denial; denial != nil {
		a.text(KeyDenialReason, string(denial.Reason))
		a.text(KeyDenialRule, cmp.Or(denial.Rule, denial.Nearest))
	}
	if r.end.err != nil && !r.end.orderly() {
		a.error(KeyError, r.end.err)
	}
	if r.suppressedBy > 0 {
		a.number(KeySuppressed, int64(r.suppressedBy))
	}
	return a
}

// write emits the session's one record.
func (s *session) write() {
	level := slog.LevelInfo
	if s.relay == nil || s.record.decision.Verdict == policy.AuditDeny {
		level = slog.LevelWarn
	}
	if !s.record.decision.Verdict.Passes() {
		limit := s.server.refusals
		if s.record.isLocked {
			limit = s.server.lockouts
		}
		write, suppressed := limit.admit()
		if !write {
			return
		}
		s.record.suppressedBy = suppressed
	}
	if log := s.server.log; log.Enabled(context.Background(), level) {
		list := attrLists.Get().(*attrList)
		*list = s.attrs(*list)
		log.LogAttrs(context.Background(), level, SessionMessage, *list...) // copies what it keeps
		list.giveBack()
	}
}

// SessionMessage is the message of every session record.
const SessionMessage = "session"
