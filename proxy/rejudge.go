package proxy

import (
	"math/rand/v2"
	"time"

	"sallyport/policy"
)

// Rejudge judges every established session by the policy in force, if that is to count for
// them ([Generation.CloseDenied]), and closes those that it denies, spread evenly over
// CloseSpread. It returns how many those are. One that is allowed again when its time comes
// stays. Call it when a rule has expired; [Server.Swap] does so by itself.
func (s *Server) Rejudge() (denied int) {
	gen := s.current.Load()
	if gen == nil || !gen.CloseDenied {
		return 0
	}
	var due []*session
	for _, sess := range s.establishedSessions() {
		if s.denial(sess, gen) != nil && s.condemn(sess) {
			due = append(due, sess)
		}
	}
	if len(due) > 0 {
		s.log.Warn("the policy in force denies established sessions, which are closed",
			"sessions", len(due), "spread", gen.CloseSpread, KeyGeneration, gen.Number)
	}
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	for i, sess := range due {
		delay := time.Duration(float64(gen.CloseSpread) * float64(i) / float64(len(due)))
		time.AfterFunc(delay, func() { s.execute(sess) })
	}
	return len(due)
}

// catchUp judges a session that was let in by a generation that is not in force any more.
func (s *Server) catchUp(sess *session) {
	gen := s.current.Load()
	if gen == sess.gen || !gen.CloseDenied {
		return
	}
	if s.denial(sess, gen) != nil && s.condemn(sess) {
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

// condemn marks a session that is to be closed; false if it is already.
func (s *Server) condemn(sess *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	already := sess.condemned
	sess.condemned = true
	return !already
}

// execute closes a condemned session, unless the policy in force lets it pass again.
func (s *Server) execute(sess *session) {
	gen := s.current.Load()
	denial := s.denial(sess, gen)
	s.mu.Lock()
	defer s.mu.Unlock()
	if denial == nil || !gen.CloseDenied {
		sess.condemned = false
		return
	}
	sess.relay.abort(ending{side: Proxy, reason: policy.PolicyChange, denial: denial})
}
