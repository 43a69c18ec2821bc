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
	var beside *policy.Source
	var ports []policy.Port
	if s.survey.Policy != nil {
		beside = s.survey.Policy.Source()
		ports = beside.Ports
	}
	return checkDraft("suggested.toml", text, ports, beside, s.survey.Now)
}

// checkDraft returns what check would refuse in a draft, by itself or beside a policy; without one it is nil. Where no ports
// are known, those that the draft names take everything.
func checkDraft(name string, text []byte, ports []policy.Port, beside *policy.Source, now time.Time) error {
	files, problems := config.ParsePolicy([]config.NamedData{{Name: name, Data: text}})
	if problems.HasErrors() {
		return problems.Errors()
	}
	alone := files.Source
	if alone.Ports = ports; ports == nil {
		alone.Ports = openPorts(alone.Rules)
	}
	if err := firstError(&alone, now); err != nil || beside == nil {
		return err
	}
	both := *beside
	both.Ports = alone.Ports
	both.Clients = slices.Concat(both.Clients, alone.Clients)
	both.Rules = slices.Concat(both.Rules, alone.Rules)
	both.Blocks = slices.Concat(both.Blocks, alone.Blocks)
	return firstError(&both, now)
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
