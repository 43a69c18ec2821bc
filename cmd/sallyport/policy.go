package main

import (
	"time"

	"sallyport/internal/config"
	"sallyport/policy"
)

// policy reads the policy of a configuration without errors in it.
func (p *planner) policy() {
	files, set, problems := compilePolicy(p.plan.config, time.Now())
	p.problems = append(p.problems, problems...)
	if set == nil {
		return
	}
	p.problems = append(p.problems, files.Problems(set.RunTests())...)
	p.plan.policy, p.plan.policyHash, p.places = set, files.Hash, files
}

// compilePolicy reads the policy and compiles it for the configured ports. The set is nil if there are errors.
func compilePolicy(cfg *config.Config, now time.Time) (*config.PolicyFiles, *policy.Set, config.Problems) {
	files, problems := config.LoadPolicy(cfg)
	if files == nil {
		return nil, nil, problems
	}
	src := files.Source
	src.Ports = cfg.PolicyPorts()
	set, faults := policy.Compile(&src, now)
	problems = append(problems, files.Problems(faults)...)
	if problems.HasErrors() {
		return files, nil, problems
	}
	return files, set, problems
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
