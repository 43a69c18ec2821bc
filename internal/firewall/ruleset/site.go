package ruleset

import (
	"fmt"
	"strconv"
	"strings"
)

// Site is where something is decided: a rule, or the policy of a base chain.
type Site struct {
	Table *Table
	Chain *Chain
	Rule  *Rule // nil for the policy
}

// String names the site for people, on one line, whatever was written into the rule.
func (s Site) String() string {
	chain := fmt.Sprintf("table %s %s chain %s", s.Table.Family, plain(s.Table.Name), plain(s.Chain.Name))
	if s.Table.Iptables {
		chain = fmt.Sprintf("%s table %s chain %s", s.Table.program(), plain(s.Table.Name), plain(s.Chain.Name))
	}
	switch {
	case s.Rule == nil:
		return chain + " policy " + s.Chain.policy.String()
	case s.Table.Iptables:
		return fmt.Sprintf("%s line %d `%s`", chain, s.Rule.Line, plain(s.Rule.Text))
	default:
		return fmt.Sprintf("%s rule handle %d `%s`", chain, s.Rule.Handle, plain(s.Rule.Text))
	}
}

// Site returns where a label of an [Answer] was given.
func (r *Ruleset) Site(label int32) Site { return r.sites[label] }

// program returns which iptables has the table.
func (t *Table) program() string {
	if t.Family == IPv6 {
		return "ip6tables"
	}
	return "iptables"
}

func (v verdict) String() string {
	if v.action == drop {
		return "drop"
	}
	return "accept"
}

// plain cuts text of a ruleset and escapes what is not meant to be printed.
func plain(text string) string {
	const longest = 200 // runes
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
