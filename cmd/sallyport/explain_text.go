package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
)

// explainPage writes an explanation for people: blocks of keys and values, without colours.
type explainPage struct {
	*bufio.Writer
	e *explanation
}

// print writes the explanation.
func (e *explanation) print(w io.Writer) error {
	p := explainPage{bufio.NewWriter(w), e}
	p.summary()
	for i := range e.Sessions {
		p.session(&e.Sessions[i])
		fmt.Fprintln(p)
	}
	p.source()
	fmt.Fprintln(p)
	p.settings()
	fmt.Fprintf(p, "\nconfiguration %s, policy %.12s\n", e.Config, e.PolicyHash)
	return p.Flush()
}

// summary comes first where the answer depends on what the client speaks; the exit code goes by it.
func (p explainPage) summary() {
	if s := p.e.Sessions; len(s) == 2 && s[0].Verdict != s[1].Verdict {
		fmt.Fprintf(p, "%s one way, so as a whole: %s with TLS, %s in plaintext; --tls or --plaintext asks for one\n\n",
			strings.ToUpper(p.e.Verdict), s[0].Verdict, s[1].Verdict)
	}
}

// row writes a key with its value. An empty key goes on with the one before.
func (p explainPage) row(key, format string, args ...any) {
	fmt.Fprintf(p, "  %-13s%s\n", key, fmt.Sprintf(format, args...))
}

func (p explainPage) session(s *explainedSession) {
	fmt.Fprintln(p, p.headline(s))
	p.row("reason", "%s: %s", s.Reason, withoutVerdict(s.Meaning))
	if p.e.timed {
		p.row("time", "%s", p.e.Time.Format(time.RFC3339))
	}
	p.row("decided", "%s", p.decided(s))
	p.decision(s)
	if s.Limits != nil {
		p.row("limits", "%s, counted for %s", s.Limits, s.Limits.counted())
	}
	key := "other rules"
	if s.Rule == "" && s.Nearest == "" {
		key = "rules"
	}
	for i := range s.Rules {
		if r := &s.Rules[i]; r.ID != s.Rule && r.ID != s.Nearest {
			p.row(key, "%s", r.line())
			key = ""
		}
	}
}

// headline is the answer in one sentence.
func (p explainPage) headline(s *explainedSession) string {
	who, with := p.e.Source, "in plaintext"
	if who == "unix" {
		who = "a client of the UNIX socket"
	}
	if s.Mode == modeTLS {
		with = "with TLS"
		for i, identity := range p.e.Identities {
			if with += ", "; i == 0 {
				with += "showing "
			}
			with += fmt.Sprintf("%q", identity)
		}
		if p.e.SNI != "" {
			with += fmt.Sprintf(", asking for %q", p.e.SNI)
		}
	}
	switch s.Verdict {
	case policy.Allow.String():
		return fmt.Sprintf("ALLOW: %s may connect to %s %s", who, p.e.portName, with)
	case policy.AuditDeny.String():
		return fmt.Sprintf("AUDIT-DENY: %s connects to %s %s ONLY because of audit mode (%s)", who, p.e.portName, with, p.auditing(s))
	default:
		return fmt.Sprintf("DENY: %s may not connect to %s %s", who, p.e.portName, with)
	}
}

// auditing says which audit mode lets a session pass.
func (p explainPage) auditing(s *explainedSession) string {
	switch {
	case s.Reason == string(policy.OnlyAudit):
		return fmt.Sprintf("of rule %s", s.Rule)
	case p.e.Audit.Scope == auditAll:
		return "of all ports, " + p.e.Audit.Position
	default:
		return "of the port, " + p.e.Audit.Position
	}
}

// withoutVerdict cuts the beginning of a reason's sentence that the headline says already.
func withoutVerdict(sentence string) string {
	for _, verdict := range []string{"allowed: ", "let through: ", "denied: ", "refused: "} {
		if rest, cut := strings.CutPrefix(sentence, verdict); cut {
			return rest
		}
	}
	return sentence
}

// decided says at which moment a session is decided.
func (p explainPage) decided(s *explainedSession) string {
	const early = "on the address and source port, before anything is read from the client"
	denied := s.Verdict == policy.Deny.String()
	switch {
	case s.Moment == momentEarly:
		return "early: " + early
	case s.Moment == momentHandshake:
		return "in the handshake: the port refuses it before the policy judges for the second time"
	case p.e.Settings.Mode.Value == string(config.ModePlaintext):
		return "finally: " + early
	case s.Mode == modePlaintext:
		return "finally: after detection"
	case denied:
		return "finally: after the TLS handshake; on the address and source port alone it could still have been allowed"
	default:
		return "finally: after the TLS handshake"
	}
}

// decision writes what decided, or came nearest.
func (p explainPage) decision(s *explainedSession) {
	switch {
	case s.Reason == string(policy.Blocked):
		p.row("block", "%s (%s)", s.Rule, s.Position)
		p.row("", "%s", s.Detail)
	case s.Reason == string(policy.ClientNeedsTLS):
		p.row("because", "%s (%s)", s.Detail, s.Position)
	case s.Rule == "" && s.Nearest == "":
		p.row("because", "%s", s.Detail)
	}
	for i := range s.Rules {
		switch r := &s.Rules[i]; r.ID {
		case s.Rule:
			p.rule("rule", r)
		case s.Nearest:
			p.rule("nearest", r)
		}
	}
}

// rule writes all that there is to say of a rule.
func (p explainPage) rule(key string, r *explainedRule) {
	as := ""
	if r.Matches && r.Client != "" {
		as = ", as client " + r.Client
	}
	p.row(key, "%s (%s)%s", r.ID, r.Position, as)
	if !r.Matches {
		p.row("", "fails on %s: %s", r.Failed, r.Detail)
	}
	p.row("", "from %s to %s, tls %s, mode %s", listed(r.From), listed(r.To), r.TLS, r.Mode)
	var notes []string
	for _, note := range []struct{ key, text string }{
		{"owner", r.Owner}, {"ticket", r.Ticket}, {"reason", r.Reason}, {"valid from", r.ValidFrom}, {"expires", r.Expires},
	} {
		if note.text != "" {
			notes = append(notes, note.key+" "+note.text)
		}
	}
	if len(notes) > 0 {
		p.row("", "%s", strings.Join(notes, "; "))
	}
}

// line says in one line what a rule that did not decide says to the session.
func (r *explainedRule) line() string {
	switch {
	case r.Matches && r.Mode == policy.AuditRule.String():
		return fmt.Sprintf("%s (%s) matches, in audit mode", r.ID, r.Position)
	case r.Matches:
		return fmt.Sprintf("%s (%s) matches", r.ID, r.Position)
	case r.Failed == "":
		return fmt.Sprintf("%s (%s): %s", r.ID, r.Position, r.Detail)
	default:
		return fmt.Sprintf("%s (%s) fails on %s: %s", r.ID, r.Position, r.Failed, r.Detail)
	}
}

// source writes what holds for the source, whatever the rule.
func (p explainPage) source() {
	fmt.Fprintf(p, "source %s\n", p.e.Source)
	if p.e.unknownPort {
		p.row("port", "not known: what demands a source port does not match")
	}
	switch l := p.e.Limits; {
	case l != nil:
		p.row("limits", "%s, counted for %s (%s)", l, l.counted(), l.Position)
	default:
		p.row("limits", "none")
	}
	switch l := p.e.Lockout; {
	case l == nil:
		p.row("lock-out", "none")
	case l.Exempt:
		p.row("lock-out", "never: the source is exempt (%s)", l.Position)
	default:
		p.row("lock-out", "%s (%s)", l, l.Position)
	}
	switch p.e.Audit.Scope {
	case auditAll:
		p.row("audit", "ALL PORTS: nothing is denied, everything that would be is logged (%s)", p.e.Audit.Position)
	case auditPort:
		p.row("audit", "THIS PORT: nothing is denied, everything that would be is logged (%s)", p.e.Audit.Position)
	default:
		p.row("audit", "none")
	}
}

// settings writes what the port is set to.
func (p explainPage) settings() {
	fmt.Fprintf(p, "port %s\n", p.e.portName)
	table := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	s := &p.e.Settings
	for _, row := range []struct {
		key string
		*explainedSetting
	}{
		{"listen", s.Listen}, {"mode", s.Mode}, {"proxy_protocol", s.ProxyProtocol}, {"certificate", s.Certificate},
		{"trusted_ca", s.TrustedCA}, {"tls_profile", s.TLSProfile}, {"client_auth", s.ClientAuth},
	} {
		if row.explainedSetting != nil {
			line := fmt.Sprintf("  %s\t%s\t%s\t%s", row.key, row.Value, row.Level, row.Position)
			fmt.Fprintln(table, strings.TrimRight(line, "\t"))
		}
	}
	table.Flush()
}
