package main

import (
	"cmp"
	"math"

	"sallyport/policy"
)

// ruleLimits returns what the rule that lets a session pass bounds; nil for nothing.
func (x *explainer) ruleLimits(d *policy.Decision) *explainedLimits {
	if d.Limits == nil {
		return nil
	}
	l := limitsOf(d.Limits)
	l.CountedClient, l.CountedSource = d.Match.Client, policy.PrefixText(d.Match.Source)
	return &l
}

func limitsOf(l *policy.Limits) explainedLimits {
	e := explainedLimits{MaxConnections: l.MaxConnections, Rate: l.Rate.String(), RatePerSecond: l.Rate.PerSecond()}
	if !l.Rate.IsZero() {
		e.Burst = cmp.Or(l.Burst, int(math.Ceil(e.RatePerSecond))) // one second's worth
	}
	return e
}

// defaults returns the bounds of every source; nil where there are none, as for UNIX sockets,
// whose clients have no address to be told apart by.
func (x *explainer) defaults() *explainedDefaults {
	d := &x.source.Defaults
	if !x.from.IsValid() || d.MaxConnections == 0 && d.Rate.IsZero() && d.Handshakes.IsZero() {
		return nil
	}
	e := &explainedDefaults{
		explainedLimits:     limitsOf(&d.Limits),
		Handshakes:          d.Handshakes.String(),
		HandshakesPerSecond: d.Handshakes.PerSecond(),
		Position:            x.places.Position(policy.DefaultsSection, 0, "").String(),
	}
	e.CountedSource = policy.PrefixText(x.set.Counted(x.from.Addr()))
	return e
}

// lockout returns the lock-out rules; nil where nobody is locked out.
func (x *explainer) lockout() *explainedLockout {
	l := &x.source.Lockout
	if l.Failures == 0 {
		return nil
	}
	facts := x.facts(x.port, false, x.now)
	return &explainedLockout{
		Failures: l.Failures,
		Window:   l.Window.Seconds(),
		Duration: l.Duration.Seconds(),
		Forever:  l.Forever,
		Exempt:   !x.from.IsValid() || x.set.Exempt(x.from, !facts.Peer.IsValid()),
		Position: x.places.Position(policy.LockoutSection, 0, "").String(),
	}
}
