package proxy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"sallyport/policy"
)

// refuse ends a session that did not get as far as its relay.
func (s *session) refuse(err error) {
	reason := policy.ReasonOf(err, policy.InternalError)
	if cut := s.server.cutFor(s); cut != "" && !s.denied() {
		reason = cut
	}
	s.record.end = ending{side: whoFailed(reason), reason: reason, err: causeOf(err)}
	s.deny(reason)
	if !s.origin.Local || !s.origin.Header { // a balancer's health check is nobody's failure
		s.facts.Now = time.Now()
		s.record.locked, s.record.isLocked = s.visit.Fail(s.server.gate(), &s.facts, reason)
	}
	s.visit.Leave()
	if s.record.stranger != nil {
		closeLingering(s.accepted) // an alert is on its way
	} else {
		resetConn(s.accepted) // an orderly end would look like an empty answer
	}
	s.write()
}

// causeOf returns what people want to read of a refusal, whose reason has an attribute of its own: nothing if a step was given up
// because somebody has ended the session.
func causeOf(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if r, ok := errors.AsType[*policy.Refusal](err); ok {
		return r.Err
	}
	return err
}

// denied reports whether the policy has denied the session.
func (s *session) denied() bool {
	return s.record.decision.Reason != "" && !s.record.decision.Verdict.Passes()
}

// deny turns the verdict, unless the policy has said its last word: what fails after that, as
// an upstream that is down, was not denied.
func (s *session) deny(reason policy.Reason) {
	if s.facts.Judged != policy.Final || !s.record.decision.Verdict.Passes() {
		s.record.decision.Verdict = policy.Deny
		s.record.decision.Reason = reason
	}
}

// whoFailed tells whose doing it is that a session did not get as far as its relay.
func whoFailed(reason policy.Reason) Side {
	switch reason {
	case policy.DetectClosed, policy.HandshakeClosed, policy.HandshakeAlert, policy.Reset:
		return Client
	case policy.UpstreamRefused, policy.UpstreamTimeout, policy.UpstreamUnreachable, policy.UpstreamUnresolved,
		policy.UpstreamTLS, policy.UpstreamHeader, policy.UpstreamDown:
		return Upstream
	default:
		return Proxy
	}
}

// recoverPanic keeps a defect that one connection meets from ending all the others.
func (s *session) recoverPanic() {
	if p := recover(); p != nil {
		s.record.decision.Verdict = policy.Deny
		s.record.decision.Reason = policy.InternalError
		s.record.end = ending{side: Proxy, reason: policy.InternalError}
		s.visit.Leave()
		s.release()
		s.use.Done(policy.InternalError)
		s.server.log.Error("panic in a session", KeyID, s.id, KeyError, fmt.Sprint(p), "stack", string(debug.Stack()))
		resetConn(s.accepted)
		s.write()
	}
}
