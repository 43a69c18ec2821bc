package policy

import (
	"fmt"
	"strings"
	"time"
)

// checkIDs looks at the ids of rules and blocks, which share their names: a log record has
// one field for both.
func (r *resolver) checkIDs() {
	taken := make(map[string]Fault)
	check := func(section Section, index int, id string) {
		where := at(section, index, "id")
		if !r.checkName("id", id, where) {
			return
		}
		if earlier, twice := taken[id]; twice {
			r.fail(where, "the id "+quoted(id)+" is taken by "+earlier.Place(), "ids of rules and blocks appear in logs and metrics; each is given once")
			return
		}
		taken[id] = Fault{Section: section, Index: index, Field: "id", Element: -1}
	}
	for i := range r.src.Rules {
		check(AllowSection, i, r.src.Rules[i].ID)
	}
	for i := range r.src.Blocks {
		check(BlockSection, i, r.src.Blocks[i].ID)
	}
}

func (r *resolver) checkRules() {
	r.from = make([][]element, len(r.src.Rules))
	r.to = make([][]int, len(r.src.Rules))
	for i := range r.src.Rules {
		r.checkRule(i)
	}
}

func (r *resolver) checkRule(i int) {
	rule := &r.src.Rules[i]
	where := func(field string) spot { return at(AllowSection, i, field) }
	if len(rule.From) == 0 {
		r.fail(where("from"), "the rule names nobody", `list clients, groups or addresses; "any" stands for everybody`)
	}
	r.from[i] = r.elements(rule.From, where("from"))
	if len(rule.To) == 0 {
		r.fail(where("to"), "the rule names no port", `list "application/port", or "application/*" for all its ports`)
	}
	r.to[i] = r.destinations(rule.To, where("to"))
	if rule.TLS > PlaintextOnly {
		r.fail(where("tls"), "unknown value", `it is one of "required", "any" or "plaintext"`)
	}
	if rule.Mode > Off {
		r.fail(where("mode"), "unknown value", `it is one of "enforce", "audit" or "off"`)
	}
	r.checkReach(i)
	r.checkLimits(&rule.Limits, where)
	r.checkPeriod(rule, where)
	if strings.TrimSpace(rule.Owner) == "" {
		r.warn(where("owner"), "rule "+quoted(rule.ID)+" has no owner", "say who can answer whether it is still needed")
	}
}

// reaches reports whether a session on a port can meet the rule's tls.
func (r *Rule) reaches(p *Port) bool {
	switch p.Mode {
	case Plaintext:
		return r.TLS.admits(plainSession)
	case Secure:
		return r.TLS.admits(tlsSession)
	default:
		return true
	}
}

// takesOnly says in words why a rule does not reach a port.
func (r *Rule) takesOnly(p *Port) string {
	if p.Mode == Plaintext {
		return quoted(p.Name()) + " takes plaintext only and the rule's tls is " + quoted(r.TLS.String())
	}
	return quoted(p.Name()) + " takes TLS only and the rule's tls is " + quoted(r.TLS.String())
}

// checkReach finds ports that the rule names in vain. It is an error if all are.
func (r *resolver) checkReach(i int) {
	rule := &r.src.Rules[i]
	reached := false
	for _, p := range r.to[i] {
		reached = reached || rule.reaches(&r.src.Ports[p])
	}
	for j, text := range rule.To {
		ports := r.ports[text]
		if len(ports) == 0 {
			continue
		}
		inVain := 0
		for _, p := range ports {
			if !rule.reaches(&r.src.Ports[p]) {
				inVain++
			}
		}
		if inVain < len(ports) {
			continue // a wildcard means the ports that fit
		}
		message := rule.takesOnly(&r.src.Ports[ports[0]]) + more(inVain-1)
		hint := `tls is one of "required", "any" or "plaintext"; "required" is the default`
		r.add(at(AllowSection, i, "to").item(j), reached, "the rule can never allow anything here: "+message, hint)
	}
}

func (r *resolver) checkLimits(l *Limits, where func(string) spot) {
	if l.MaxConnections < 0 {
		r.fail(where("max_connections"), fmt.Sprintf("%d is no number of connections", l.MaxConnections), "leave it out for no bound")
	}
	if !l.Rate.valid() {
		r.fail(where("rate"), "not a rate", `write "10/s", "600/m" or "36000/h"`)
	}
	switch {
	case l.Burst < 0:
		r.fail(where("burst"), fmt.Sprintf("%d is no number of connections", l.Burst), "leave it out for one second's worth of the rate")
	case l.Burst > 0 && l.Rate.IsZero():
		r.fail(where("burst"), "burst without rate", "a burst is what may exceed the rate for a moment")
	}
}

func (r *resolver) checkPeriod(rule *Rule, where func(string) spot) {
	if rule.ValidFrom.IsZero() || rule.Expires.IsZero() {
		return
	}
	if first, last := dayOf(rule.ValidFrom), dayOf(rule.Expires); last.Before(first) {
		r.fail(where("expires"), fmt.Sprintf("the rule expires on %s, before it becomes valid on %s", DayText(last), DayText(first)), "")
	}
}

// DayText returns the day of t in UTC as policy files write it, "" for the zero time.
func DayText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// ExpiryNotice is how long before its last day [Compile] warns of a rule.
const ExpiryNotice = 14 * 24 * time.Hour

// Expiring returns a warning for every rule that has expired, or whose last day is at most
// notice away, by the calendar of UTC. Rules that are off are left out.
func Expiring(src *Source, now time.Time, notice time.Duration) []Fault {
	var f faults
	for i := range src.Rules {
		rule := &src.Rules[i]
		if rule.Expires.IsZero() || rule.Mode == Off {
			continue
		}
		left := dayOf(rule.Expires).Sub(dayOf(now)) // whole days, as they are told
		where := at(AllowSection, i, "expires")
		switch {
		case left < 0:
			f.warn(where, fmt.Sprintf("rule %q expired on %s and allows nothing any more", rule.ID, DayText(rule.Expires)),
				"prolong it if it is still needed, or remove it")
		case left <= notice:
			f.warn(where, fmt.Sprintf("rule %q expires on %s, in %s", rule.ID, DayText(rule.Expires), inDays(left)),
				"prolong it if it is still needed")
		}
	}
	return f.list
}

func inDays(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); days {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", days)
	}
}
