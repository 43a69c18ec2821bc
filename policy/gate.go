package policy

// Judge is what a [Gate] asks. It must be safe for concurrent use; [*Set] is one.
type Judge interface {
	// Decide judges a session.
	Decide(*Facts) Decision
	// Alternatives returns the decisions of all rules that let a session pass, in rank.
	Alternatives(*Facts) []Decision
	// Terms returns what holds at the port of the facts, whatever the rules.
	Terms(*Facts) Terms
}

// Terms are what holds for a source at a port, whatever the rules.
type Terms struct {
	Bounds *Defaults // nil for none
	Audit  bool      // nothing is denied
	Exempt bool      // the source is never locked out
}

// Gate lets sessions pass: a policy, and what is counted for it. Every generation has its
// own, because the policy is; limiter and lock-outs are those of all generations.
//
// Immutable, and safe for concurrent use. The zero value and a nil *Gate deny everything.
type Gate struct {
	Policy   Judge     // nil denies everything
	Limiter  *Limiter  // nil bounds nothing
	Lockouts *Lockouts // nil locks nobody out
}

// decide asks the policy, if there is one.
func (g *Gate) decide(f *Facts) Decision {
	if g == nil || g.Policy == nil {
		return Decision{Reason: NoPolicy, Failed: Destination}
	}
	return g.Policy.Decide(f)
}

// terms are what holds whatever the rules.
func (g *Gate) terms(f *Facts) Terms {
	if g == nil || g.Policy == nil {
		return Terms{}
	}
	return g.Policy.Terms(f)
}

// lockedOut reports whether a source is locked out under its terms.
func (g *Gate) lockedOut(f *Facts, terms *Terms) bool {
	if g.Lockouts == nil || terms.Exempt || !g.Lockouts.Active() {
		return false
	}
	_, locked := g.Lockouts.Locked(f.Now, f.Source.Addr())
	return locked
}
