package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
)

// explainer answers one question.
type explainer struct {
	*question
	plan   *plan
	set    *policy.Set
	source *policy.Source
	places *config.PolicyFiles
	port   *portPlan
	now    time.Time
}

// explain answers a question. Errors are about the question, unless they are a [failure].
func explain(p *planner, q question) (*explanation, error) {
	port, err := p.plan.port(q.to)
	if err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	ways, err := q.ways(port)
	if err != nil {
		return nil, err
	}
	x := explainer{question: &q, plan: p.plan, set: p.plan.policy, source: p.plan.policy.Source(), places: p.places, port: port, now: q.at}
	if q.at.IsZero() {
		x.now = time.Now().UTC().Truncate(time.Second)
	}
	e := &explanation{
		Source:      q.source(),
		Application: port.Application,
		Port:        port.ID.Value,
		SNI:         q.serverName,
		Identities:  []string{},
		Time:        x.now,
		Audit:       x.audit(),
		Limits:      x.defaults(),
		Lockout:     x.lockout(),
		Config:      p.plan.config.Path,
		PolicyFiles: slices.Concat([]string{}, p.places.Files),
		PolicyHash:  p.plan.policyHash,
		portName:    port.Name(),
		timed:       !q.at.IsZero(),
		unknownPort: q.from.IsValid() && q.from.Port() == 0,
	}
	for _, identity := range q.identities {
		e.Identities = append(e.Identities, identity.String())
	}
	worst := policy.Allow
	for _, tls := range ways {
		session, verdict := x.session(tls)
		e.Sessions = append(e.Sessions, session)
		worst = worse(worst, verdict)
	}
	e.Verdict = worst.String()
	e.Settings, err = x.settings()
	return e, fail(err)
}

// worse returns the verdict that lets less pass.
func worse(a, b policy.Verdict) policy.Verdict {
	for _, v := range []policy.Verdict{policy.Deny, policy.AuditDeny} {
		if a == v || b == v {
			return v
		}
	}
	return policy.Allow
}

// session goes the way of a connection: judged on its addresses, then the handshake, then judged
// on everything.
func (x *explainer) session(tls bool) (explainedSession, policy.Verdict) {
	s := explainedSession{Mode: modePlaintext, Moment: momentEarly}
	if tls {
		s.Mode = modeTLS
	}
	facts := x.facts(x.port, tls, x.now)
	d, stage := x.set.Walk(facts)
	switch stage {
	case policy.AtHandshake:
		s.Moment, s.Detail = momentHandshake, x.refusal(d.Reason)
	case policy.AtEnd:
		s.Moment = momentFinal
	}
	facts.Judged = policy.Final
	if stage == policy.AtAddresses {
		facts.Judged = policy.Early
	}
	trace := x.set.Explain(&facts)
	s.Rules = x.rules(trace.Rules)
	s.Verdict, s.Reason, s.Meaning = d.Verdict.String(), string(d.Reason), meaning(d.Reason)
	s.Rule, s.Nearest, s.Failed = d.Rule, d.Nearest, d.Failed.String()
	s.Limits = x.ruleLimits(&d)
	if s.Moment != momentHandshake {
		x.why(&s, &trace)
	}
	return s, d.Verdict
}

// refusal says where it is written that the port itself refuses a client that the policy may let pass.
func (x *explainer) refusal(reason policy.Reason) string {
	if reason == policy.NotTLS {
		return fmt.Sprintf("the port's mode is %q (%s)", x.port.Mode.Value, x.port.Mode.Pos)
	}
	auth := x.port.ClientAuth
	return fmt.Sprintf("the port's client_auth is %q%s; --identity says what the client's certificate says", auth.Value, writtenAt(auth))
}

// meaning returns the sentence of a reason code.
func meaning(reason policy.Reason) string {
	for _, r := range policy.Reasons() {
		if r.Reason == reason {
			return r.Text
		}
	}
	return ""
}

// why adds what decided, or what would have had to be different, and where that is written.
func (x *explainer) why(s *explainedSession, trace *policy.Trace) {
	switch d := &trace.Decision; {
	case d.Reason == policy.Blocked:
		i := slices.IndexFunc(x.source.Blocks, func(b policy.Block) bool { return b.ID == d.Rule })
		s.Position = x.places.Position(policy.BlockSection, i, "id").String()
		s.Detail = x.blocked(&x.source.Blocks[i])
	case d.Reason == policy.ClientNeedsTLS:
		i := slices.IndexFunc(x.source.Clients, func(c policy.Client) bool { return c.Name == trace.Strict })
		s.Position = x.places.Position(policy.ClientSection, i, "require_tls").String()
		s.Detail = fmt.Sprintf("client %q has require_tls", trace.Strict)
	case !x.plan.config.Policy.Set:
		s.Detail = "the configuration has no [policy], so every connection is denied"
	case d.Rule == "" && d.Nearest == "" && len(trace.Rules) == 0:
		s.Detail = "no rule names the port"
	case d.Rule == "" && d.Nearest == "":
		s.Detail = "every rule that names the port is off"
	default:
		for _, r := range s.Rules {
			if r.ID == d.Rule || r.ID == d.Nearest {
				s.Position, s.Detail = r.Position, r.Detail
			}
		}
	}
}

// blocked says what a block holds of the source.
func (x *explainer) blocked(b *policy.Block) string {
	text := "it is in the block"
	for _, p := range b.Addresses {
		if p.Contains(x.from.Addr()) {
			text = fmt.Sprintf("%s is in %s", x.from.Addr(), policy.PrefixText(p))
		}
	}
	if b.Reason != "" {
		text += "; reason " + b.Reason
	}
	return text
}

// rules writes down what the rules say.
func (x *explainer) rules(traces []policy.RuleTrace) []explainedRule {
	index := make(map[string]int, len(x.source.Rules))
	for i := range x.source.Rules {
		index[x.source.Rules[i].ID] = i
	}
	all := make([]explainedRule, len(traces))
	for i, t := range traces {
		all[i] = explainedRule{
			ID:        t.Rule.ID,
			Position:  x.places.Position(policy.AllowSection, index[t.Rule.ID], "id").String(),
			Matches:   t.Matches,
			Client:    t.Client,
			Failed:    t.Failed.String(),
			Detail:    t.Detail,
			From:      t.Rule.From,
			To:        t.Rule.To,
			TLS:       t.Rule.TLS.String(),
			Mode:      t.Rule.Mode.String(),
			Owner:     t.Rule.Owner,
			Ticket:    t.Rule.Ticket,
			Reason:    t.Rule.Reason,
			ValidFrom: policy.DayText(t.Rule.ValidFrom),
			Expires:   policy.DayText(t.Rule.Expires),
		}
	}
	return all
}

// audit says where audit mode holds.
func (x *explainer) audit() explainedAudit {
	a := &x.source.Audit
	names := func(text string) bool { return text == x.port.Name() || text == x.port.Application+"/*" }
	switch {
	case a.All:
		return explainedAudit{auditAll, x.places.Position(policy.AuditSection, 0, "all").String()}
	case slices.ContainsFunc(a.Ports, names):
		return explainedAudit{auditPort, x.places.Position(policy.AuditSection, 0, "ports").String()}
	default:
		return explainedAudit{Scope: auditNone}
	}
}

// levelWord returns the kind of a level: application for application "config-server".
func levelWord(level string) string {
	word, _, _ := strings.Cut(level, " ")
	return word
}
