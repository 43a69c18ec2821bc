package proxy

import (
	"math/rand/v2"
	"time"

	"sallyport/policy"
)

// Rejudge judges every established session by the policy in force. Where that is to count for
// them ([Generation.CloseDenied]), it closes those that are denied, spread evenly over
// CloseSpread, and returns how many were not yet to be closed. One that is allowed again when
// its time comes stays. Call it when a rule has expired; [Server.Swap] does so by itself.
func (s *Server) Rejudge() (denied int) {
	s.epoch.Add(1) // before anything is looked at: see execute and catchUp
	gen := s.current.Load()
	if gen == nil {
		return 0
	}
	var due []*session
	for _, sess := range s.establishedSessions() {
		if s.denial(sess, gen) != nil && gen.CloseDenied {
			due = append(due, sess)
			denied += s.pending(sess)
		}
	}
	if denied > 0 {
		s.log.Warn("the policy in force denies established sessions, which are closed",
			"sessions", denied, "spread", gen.CloseSpread.String(), KeyGeneration, gen.Number)
	}
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	for i, sess := range due {
		s.schedule(sess, time.Duration(float64(gen.CloseSpread)*float64(i)/float64(len(due))))
	}
	return denied
}

// catchUp judges a session again whose last judgement was made before the last change.
func (s *Server) catchUp(sess *session) {
	if sess.judged != s.epoch.Load() {
		s.execute(sess)
	}
}

// denial returns the decision by which a generation denies an established session, nil if it
// does not.
func (s *Server) denial(sess *session, gen *Generation) *policy.Decision {
	facts := sess.facts // they change no more
	facts.Now = time.Now()
	d := sess.visit.Rejudge(gen.Gate, &facts)
	if d.Verdict.Passes() {
		return nil
	}
	return &d
}

func (s *Server) establishedSessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*session, 0, len(s.sessions))
	for sess := range s.sessions {
		if sess.relay != nil {
			list = append(list, sess)
		}
	}
	return list
}

// pending is 1 for a session that is not yet to be closed.
func (s *Server) pending(sess *session) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess.closing != nil {
		return 0
	}
	return 1
}

// schedule has a session closed after a delay, or when that was to happen before, if that is sooner.
func (s *Server) schedule(sess *session, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, alive := s.sessions[sess]; !alive {
		return
	}
	at := time.Now().Add(delay)
	switch {
	case sess.closing == nil:
		sess.closing = time.AfterFunc(delay, func() { s.execute(sess) })
	case at.Before(sess.closeAt):
		sess.closing.Reset(delay)
	default:
		return
	}
	sess.closeAt = at
}

// execute closes an established session, unless the policy in force lets it pass. If that changes
// while it is being asked, it is asked again: whoever changed it may have left this session
// to us.
func (s *Server) execute(sess *session) {
	for !s.tryExecute(sess) {
	}
}

func (s *Server) tryExecute(sess *session) (done bool) {
	epoch := s.epoch.Load()
	gen := s.current.Load()
	denial := s.denial(sess, gen)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch.Load() != epoch {
		return false
	}
	sess.closing = nil
	if denial != nil && gen.CloseDenied {
		sess.relay.abort(ending{side: Proxy, reason: policy.PolicyChange, denial: denial})
	}
	return true
}
