package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

// policyChecker adds one file to a policy.
type policyChecker struct {
	*checker
	all *policyReader
}

func (c policyChecker) file(raw *rawPolicyFile) {
	src := &c.all.Source
	for i := range raw.Clients {
		c.keep(policy.ClientSection, &raw.Clients[i])
		src.Clients = append(src.Clients, c.client(&raw.Clients[i]))
	}
	for i := range raw.Groups {
		c.keep(policy.GroupSection, &raw.Groups[i])
		src.Groups = append(src.Groups, c.members(&raw.Groups[i]))
	}
	for i := range raw.Rules {
		c.keep(policy.AllowSection, &raw.Rules[i])
		src.Rules = append(src.Rules, c.rule(&raw.Rules[i]))
	}
	for i := range raw.Blocks {
		c.keep(policy.BlockSection, &raw.Blocks[i])
		src.Blocks = append(src.Blocks, c.block(&raw.Blocks[i]))
	}
	if c.once(policy.DefaultsSection, raw.Defaults.Table, &raw.Defaults) {
		src.Defaults = c.defaults(&raw.Defaults)
	}
	if c.once(policy.LockoutSection, raw.Lockout.Table, &raw.Lockout) {
		src.Lockout = c.lockout(&raw.Lockout)
	}
	if c.once(policy.AuditSection, raw.Audit.Table, &raw.Audit) {
		src.Audit = policy.Audit{All: raw.Audit.All.Value, Ports: texts(raw.Audit.Ports)}
	}
	for i := range raw.Tests {
		c.keep(policy.TestSection, &raw.Tests[i])
		src.Tests = append(src.Tests, c.test(&raw.Tests[i]))
	}
}

// keep remembers where a table of the source was written.
func (c policyChecker) keep(section policy.Section, raw any) {
	c.all.tables[section] = append(c.all.tables[section], raw)
}

// once keeps a table that there is one of, and reports whether it counts.
func (c policyChecker) once(section policy.Section, table document.Table, raw any) bool {
	if !table.Set {
		return false
	}
	if before := c.all.tables[section]; len(before) > 0 {
		first, _ := document.Find(before[0], "", -1)
		c.report(table.Problem("defined twice",
			fmt.Sprintf("defined before at %s; there is one [%s] for all files of the policy", first.Pos, section)))
		return false
	}
	c.keep(section, raw)
	return true
}

func (c policyChecker) client(raw *rawClient) policy.Client {
	c.name(raw.Name)
	const anything = "an empty list would match anything"
	c.notEmpty(raw.Addresses, anything, "leave it out if any address is meant")
	c.notEmpty(raw.Ports, anything, "leave it out if any source port is meant")
	c.notEmpty(raw.Identities, anything, "leave it out if no identity is demanded")
	return policy.Client{
		Name:       raw.Name.Value,
		Addresses:  each(c, raw.Addresses, policy.ParsePrefix),
		Ports:      each(c, raw.Ports, policy.ParsePortRange),
		Identities: each(c, raw.Identities, policy.ParseIdentity),
		RequireTLS: raw.RequireTLS.Value,
	}
}

func (c policyChecker) members(raw *rawMember) policy.Group {
	c.name(raw.Name)
	return policy.Group{Name: raw.Name.Value, Members: texts(raw.Members)}
}

func (c policyChecker) rule(raw *rawRule) policy.Rule {
	c.unique("id", raw.ID, c.all.ids)
	rule := policy.Rule{
		ID:   raw.ID.Value,
		From: texts(raw.From),
		To:   texts(raw.To),
		TLS:  one(c, raw.TLS, policy.ParseTLSDemand),
		Mode: one(c, raw.Mode, policy.ParseRuleMode),
		Limits: policy.Limits{
			MaxConnections: c.atLeastOne(raw.MaxConnections, "leave it out for no bound; mode = \"off\" turns a rule off"),
			Rate:           one(c, raw.Rate, policy.ParseRate),
			Burst:          c.atLeastOne(raw.Burst, "leave it out for one second's worth of the rate"),
		},
		Owner:     c.printable(raw.Owner, longestText).Value,
		Ticket:    c.printable(raw.Ticket, longestText).Value,
		Reason:    c.printable(raw.Reason, longestText).Value,
		ValidFrom: c.day(raw.ValidFrom),
		Expires:   c.day(raw.Expires),
	}
	forgiveBurst(raw.Rate, &rule.Limits)
	return rule
}

// forgiveBurst drops a burst whose rate could not be read: that there is none would be a second error of
// one mistake.
func forgiveBurst(rate Located[string], limits *policy.Limits) {
	if rate.Value != "" && rate.Value != limitOff && limits.Rate.IsZero() {
		limits.Burst = 0
	}
}

func (c policyChecker) block(raw *rawBlock) policy.Block {
	c.unique("id", raw.ID, c.all.ids)
	return policy.Block{
		ID:        raw.ID.Value,
		Addresses: each(c, raw.Addresses, policy.ParsePrefix),
		Reason:    c.printable(raw.Reason, longestText).Value,
	}
}

const longestText = 1000 // bytes of what is written for people

// name takes the name of a client or group. Letters of other scripts may be in it, and some look like ours.
func (c policyChecker) name(l Located[string]) {
	c.unique("name", l, c.all.names)
	foreign := func(r rune) bool { return r > unicode.MaxASCII && unicode.IsLetter(r) }
	if strings.ContainsFunc(l.Value, foreign) {
		c.report(l.Warning(fmt.Sprintf("%q has letters beyond a to z, which may look like others: it is %s", l.Value, strconv.QuoteToASCII(l.Value)), ""))
	}
}

// unique reports a name that any file has given before.
func (c policyChecker) unique(what string, l Located[string], taken map[string]Position) {
	if l.Value == "" {
		return
	}
	if before, ok := taken[l.Value]; ok {
		c.report(l.Problem(fmt.Sprintf("the %s %q is taken already", what, l.Value), "see "+before.String()))
		return
	}
	taken[l.Value] = l.Pos
}

// notEmpty refuses a list that is there without anything in it.
func (c policyChecker) notEmpty(list document.List, message, hint string) {
	if list.Value != nil && !list.Set {
		c.report(list.Problem(message, hint))
	}
}

// each reads every element of a list. What cannot be read leaves the zero value,
// which matches nothing, so that elements keep their place.
func each[T any](c policyChecker, list document.List, parse func(string) (T, error)) []T {
	var all []T
	for _, l := range list.Value {
		all = append(all, one(c, l, parse))
	}
	return all
}

// one reads a value; empty is the zero value.
func one[T any](c policyChecker, l Located[string], parse func(string) (T, error)) T {
	var zero T
	if l.Value == "" {
		return zero
	}
	value, err := parse(l.Value)
	if err != nil {
		c.malformed(l, err, "")
		return zero
	}
	return value
}

// malformed reports the error of a parser, with its own hint unless there is a
// better one.
func (c policyChecker) malformed(l Located[string], err error, hint string) {
	message := err.Error()
	if m, ok := errors.AsType[*policy.Malformed](err); ok {
		message = m.Problem
		if hint == "" {
			hint = m.Hint
		}
	}
	c.report(l.Problem(message, hint))
}

func texts(list document.List) []string {
	var all []string
	for _, l := range list.Value {
		all = append(all, l.Value)
	}
	return all
}

// atLeastOne takes a number of which 0 means that there is none: to write it is
// to mean something else.
func (c policyChecker) atLeastOne(l Located[int64], hint string) int {
	if l.Set && l.Value == 0 {
		c.report(l.Problem("0 lets nothing pass", hint))
	}
	return c.number(l)
}

// number takes an integer; what it may be is for the policy to say.
func (c policyChecker) number(l Located[int64]) int {
	if l.Value > math.MaxInt32 || l.Value < math.MinInt32 {
		c.report(l.Problem(fmt.Sprintf("%d is out of range", l.Value), fmt.Sprintf("at most %d", math.MaxInt32)))
		return 0
	}
	return int(l.Value)
}

// day takes a day of our time. The first day of year 1 would count as no day at
// all.
func (c policyChecker) day(l Located[time.Time]) time.Time {
	if l.Set && l.Value.Year() < 1970 {
		c.report(l.Problem(l.Value.Format(time.DateOnly)+" is before 1970", ""))
	}
	return l.Value
}
