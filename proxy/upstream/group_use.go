package upstream

import (
	"errors"
	"net/netip"

	"sallyport/policy"
)

// Session is who is to be connected.
type Session struct {
	Client netip.Addr // for [SourceHash]

	// Cut ends an established session at once; nil if nobody can. It must not block. It may be called as early as
	// [Group.Connect] is about to return, and as late as [Use.Done], which the session calls all the same.
	Cut func(policy.Reason)
}

// Use is an established session's place at an endpoint.
type Use struct {
	group  *Group
	member *member
	cut    func(policy.Reason) // nil: it has been, or cannot be
	over   bool
}

// errDead is what a session says of an endpoint that stopped answering.
var errDead = errors.New("an established connection is dead: the endpoint stopped answering the network")

// Done says that the session is over; reason is why. [policy.PeerDead] is evidence against the endpoint, so it is to be
// given only if that is who stopped answering. Again, or on a nil use, it does nothing.
func (u *Use) Done(reason policy.Reason) {
	if u == nil {
		return
	}
	g := u.group
	g.lock()
	defer g.unlock()
	if u.over {
		return
	}
	u.over = true
	m := u.member
	delete(m.uses, u)
	if reason == policy.PeerDead && !m.gone {
		g.failed(m, errDead)
	}
	g.forget(m)
}

// establish gives a session its place. The lock is held.
func (g *Group) establish(s Session, a *attempt) *Use {
	u := &Use{group: g, member: a.member, cut: s.Cut}
	a.member.uses[u] = struct{}{}
	a.member.connected++
	return u
}

// cut ends the sessions at an endpoint, unless they are to be kept, and returns how many. The lock is held.
func (g *Group) cut(m *member) (n int) {
	if g.settings.KeepSessions {
		return 0
	}
	for u := range m.uses {
		if cut := u.cut; cut != nil {
			u.cut = nil
			n++
			g.later(func() { cut(policy.Failover) })
		}
	}
	return n
}
