package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
)

// expiryNotice is the value of --fail-on-expiring: within which time a rule that expires is an
// error.
type expiryNotice struct {
	given bool
	time.Duration
}

// apply returns the problems of a plan, with rules that expire within the notice, or have
// expired, among the errors.
func (n *expiryNotice) apply(p *planner, now time.Time) config.Problems {
	if !n.given || p.places == nil {
		return p.problems
	}
	expiring := p.places.Problems(policy.Expiring(p.plan.policy.Source(), now, n.Duration))
	problems := slices.DeleteFunc(slices.Clone(p.problems), func(warned config.Problem) bool {
		return slices.ContainsFunc(expiring, func(e config.Problem) bool { return e.Pos == warned.Pos && e.Key == warned.Key })
	})
	for _, e := range expiring {
		e.Warning = false
		problems = append(problems, e)
	}
	p.plan.config.Sort(problems)
	return problems
}

// String returns the notice as Set reads it.
func (n *expiryNotice) String() string {
	if !n.given {
		return ""
	}
	return n.Duration.String()
}

// Type is the word for the value in error messages.
func (n *expiryNotice) Type() string { return "time" }

// Set reads the flag's value.
func (n *expiryNotice) Set(text string) (err error) {
	n.Duration, err = parseNotice(text)
	n.given = err == nil
	return err
}

// parseNotice reads a duration that may begin with days: "14d", "336h", "1d12h".
func parseNotice(text string) (time.Duration, error) {
	const (
		day  = 24 * time.Hour
		most = 100 * 366 // days
	)
	malformed := fmt.Errorf(`%q is no time; write days as "14d", or hours as "336h"`, text)
	number, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		number, rest = "0", text
	} else if rest == "" {
		rest = "0s"
	}
	days, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, malformed
	}
	hours, err := time.ParseDuration(rest)
	switch {
	case err != nil:
		return 0, malformed
	case hours < 0 || strings.HasPrefix(rest, "-"):
		return 0, fmt.Errorf("%q is in the past", text)
	case days > most || hours > most*day-time.Duration(days)*day:
		return 0, fmt.Errorf("%q is longer than a hundred years", text)
	}
	return time.Duration(days)*day + hours, nil
}
