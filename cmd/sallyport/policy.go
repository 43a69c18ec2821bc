package main

import (
	"fmt"
	"time"

	"sallyport/internal/admin"
	"sallyport/internal/config"
	"sallyport/policy"
)

// policy reads the policy of a configuration without errors in it.
func (p *planner) policy() {
	files, set, problems := compilePolicy(p.plan.config, time.Now())
	if set != nil {
		problems = append(problems, files.Problems(set.RunTests())...)
		p.plan.policy, p.plan.policyHash, p.places = set, files.Hash, files
	}
	p.problems = append(p.problems, problems...)
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

// policyLine returns the policy in one line: which it is, and how large.
func (p *plan) policyLine() string {
	if !p.config.Policy.Set {
		return "none: every connection is denied"
	}
	src := p.policy.Source()
	return fmt.Sprintf("%.12s: %s, %s, %s", p.policyHash,
		count(len(src.Rules), "rule"), count(len(src.Clients), "client"), count(len(src.Tests), "test"))
}

// policyStatus describes the policy of the plan in force, and what has been counted for it.
func (d *daemon) policyStatus(inForce *plan) admin.Policy {
	cfg, src := inForce.config.Policy, inForce.policy.Source()
	limits, locks := d.limiter.Stats(), d.lockouts.Stats()
	s := admin.Policy{
		Configured: cfg.Set,
		Hash:       inForce.policyHash,
		Clients:    len(src.Clients),
		Rules:      len(src.Rules),
		Tests:      len(src.Tests),
		Audit:      admin.AuditNone,
		OnChange:   string(cfg.OnChange),
		LockedOut:  locks.Locked,
		Crowded:    locks.Crowded + locks.Displaced,
		Sources:    limits.Sources,
		Overflowed: limits.Overflowed,
		Refused:    make(map[string]uint64, len(limits.Refused)),
	}
	switch {
	case src.Audit.All:
		s.Audit = admin.AuditAll
	case len(src.Audit.Ports) > 0:
		s.Audit = admin.AuditPorts
	}
	for _, file := range cfg.Files {
		s.Files = append(s.Files, file.Value)
	}
	for reason, n := range limits.Refused {
		s.Refused[string(reason)] = n
	}
	return s
}

// mostChanges bounds what is told of what is different, or wrong.
const mostChanges = 100

// policyChanges says in words what is different from the policy of an older plan; nothing where there was none.
func (p *plan) policyChanges(older *plan) []string {
	if older == nil || p == older || p.policyHash == older.policyHash {
		return nil
	}
	changes := policy.Diff(older.policy.Source(), p.policy.Source())
	var list []string
	for i, change := range changes {
		if i == mostChanges {
			list = append(list, fmt.Sprintf("and %d more", len(changes)-i))
			break
		}
		list = append(list, change.String())
	}
	return list
}
