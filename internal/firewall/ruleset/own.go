package ruleset

import "strings"

// Idle returns the chains of our own exports for iptables to which nothing leads, as long as nobody has hooked them in.
func (r *Ruleset) Idle() []string {
	var idle []string
	for _, t := range r.Tables {
		reached := make(map[*Chain]bool)
		for _, c := range t.Chains {
			for _, rule := range c.Rules {
				for _, to := range rule.targets() {
					reached[to] = true
				}
			}
		}
		for _, name := range []string{"SALLYPORT-IN", "SALLYPORT-OUT", "SALLYPORT-FWD"} {
			if c := t.chain(name); c != nil && len(c.Rules) > 0 && !reached[c] {
				idle = append(idle, t.program()+" "+name)
			}
		}
	}
	return idle
}

// Made returns the day on which our own table was written, as its comment says. It is empty if there is none.
func (r *Ruleset) Made() string {
	for _, t := range r.Tables {
		if t.Name == "sallyport" && !t.Iptables {
			return MadeIn(t.Comment)
		}
	}
	return ""
}

// MadeIn returns the day that the comment of our own table tells.
func MadeIn(comment string) string {
	_, day, _ := strings.Cut(comment, "made ")
	day = day[:min(len(day), len("2006-01-02"))]
	if len(day) < len("2006-01-02") || strings.Trim(day, "0123456789-") != "" {
		return ""
	}
	return day
}
