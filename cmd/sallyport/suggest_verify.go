package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
)

// verify makes sure that check accepts the file that is about to be written: alone, and beside the
// policy in force.
func (s *suggestion) verify(text []byte) error {
	files, problems := config.ParsePolicy([]config.NamedData{{Name: "suggested.toml", Data: text}})
	if problems.HasErrors() {
		return problems.Errors()
	}
	alone := files.Source
	if s.survey.Policy == nil {
		alone.Ports = openPorts(alone.Rules)
		return firstError(&alone, s.survey.Now)
	}
	both := *s.survey.Policy.Source()
	alone.Ports = both.Ports
	if err := firstError(&alone, s.survey.Now); err != nil {
		return err
	}
	both.Clients = slices.Concat(both.Clients, alone.Clients)
	both.Rules = slices.Concat(both.Rules, alone.Rules)
	return firstError(&both, s.survey.Now)
}

// firstError returns the first error in a policy, nil if there are at most warnings.
func firstError(src *policy.Source, now time.Time) error {
	_, faults := policy.Compile(src, now)
	for _, f := range faults {
		if !f.Warning {
			return fmt.Errorf("%s: %s", f.Place(), f.Message)
		}
	}
	return nil
}

// openPorts returns the ports that rules name, where no configuration says what they take: everything.
func openPorts(rules []policy.Rule) []policy.Port {
	var ports []policy.Port
	seen := make(map[string]bool)
	for i := range rules {
		for _, to := range rules[i].To {
			if application, id, _ := strings.Cut(to, "/"); !seen[to] {
				seen[to] = true
				ports = append(ports, policy.Port{Application: application, ID: id, Mode: policy.AutoDetect, ClientAuth: true})
			}
		}
	}
	return ports
}
