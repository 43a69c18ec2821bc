package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Facts returns what is known of the test's session at its end. now counts where
// the test has no time of its own.
func (t *Test) Facts(now time.Time) Facts {
	application, id, _ := strings.Cut(t.To, "/")
	if !t.At.IsZero() {
		now = t.At
	}
	return Facts{
		Application: application,
		Port:        id,
		Source:      t.From,
		Peer:        t.From,
		Judged:      Final,
		TLS:         t.TLS,
		Identities:  NewIdentities(t.Identity...),
		Now:         now,
	}
}

// RunTests judges the session of every [[test]] and returns those that end otherwise than
// expected. One that fails only because a rule has expired since is a warning.
func (s *Set) RunTests() []Fault {
	var f faults
	for i := range s.src.Tests {
		s.runTest(&f, i)
	}
	return f.list
}

func (s *Set) runTest(f *faults, i int) {
	t := &s.src.Tests[i]
	facts := t.Facts(s.now)
	d, stage := s.Walk(facts)
	if d.Verdict == t.Expect || d.Verdict == AuditDeny && t.Expect == Deny {
		return
	}
	message := fmt.Sprintf("%s to %s: expected %s and got %s (%s)", fromText(t.From), t.To, t.Expect, d.Verdict, d.Reason)
	if stage == AtAddresses {
		facts.Judged = Early
	}
	where := at(TestSection, i, "expect")
	if t.At.IsZero() && t.Expect != Deny && d.Reason == Expired {
		// As an error it would keep the program from its next start, on a day on which nobody changed anything.
		f.warn(where, message, s.why(&d, &facts)+"; with \"at\" the test holds for a day on which the rule is valid")
		return
	}
	f.fail(where, message, s.why(&d, &facts))
}

// fromText writes who connects.
func fromText(from netip.AddrPort) string {
	switch {
	case !from.IsValid():
		return "a UNIX socket"
	case from.Port() == 0:
		return from.Addr().String()
	default:
		return from.String()
	}
}

// why says what decided, or what would have had to be different.
func (s *Set) why(d *Decision, facts *Facts) string {
	switch {
	case d.Reason == Blocked:
		return "block " + quoted(d.Rule) + " comes before every rule"
	case d.Reason == ClientNeedsTLS:
		return "a client with require_tls connects from there"
	case d.Reason == ClientCertMissing:
		return "the port demands a client certificate; identity says what is in the client's"
	case d.Rule != "":
		return "rule " + quoted(d.Rule) + " lets it pass"
	case d.Nearest == "":
		return ""
	}
	for _, r := range s.Explain(facts).Rules {
		if r.Rule.ID == d.Nearest {
			return "nearest is rule " + quoted(d.Nearest) + ": " + r.Detail
		}
	}
	return ""
}
