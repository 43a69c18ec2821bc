package main

import (
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
)

// policy reads the policy, compiles it for the configured ports and runs its tests.
func (p *planner) policy() {
	files, problems := config.LoadPolicy(p.plan.config)
	p.problems = append(p.problems, problems...)
	if files == nil || p.problems.HasErrors() { // a port that could not be read would be missing here, too
		return
	}
	src := files.Source
	src.Ports = p.plan.config.PolicyPorts()
	set, faults := policy.Compile(&src, time.Now())
	p.problems = append(p.problems, files.Problems(faults)...)
	if set == nil {
		return
	}
	p.problems = append(p.problems, files.Problems(set.RunTests())...)
	p.plan.policy, p.plan.policyHash = set, files.Hash
}

// lockoutRules returns when sources are locked out.
func (p *plan) lockoutRules() policy.LockoutRules {
	src := p.policy.Source()
	return policy.LockoutRules{
		Failures:   src.Lockout.Failures,
		Window:     src.Lockout.Window,
		Duration:   src.Lockout.Duration,
		Forever:    src.Lockout.Forever,
		IPv6Prefix: src.Defaults.IPv6Prefix,
	}
}
