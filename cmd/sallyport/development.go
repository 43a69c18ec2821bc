package main

import (
	"fmt"
	"os"
	"time"

	"sallyport/certs"
	"sallyport/internal/config"
)

// development checks that the self-made certificate, if any port needs it, is good or can be made.
func (p *planner) development() {
	if len(p.plan.selfMade) == 0 {
		return
	}
	cfg := p.plan.config
	if name := cfg.Host.Name; name.Value != "" && !certs.IsHostName(name.Value) {
		p.report(name.Warning(fmt.Sprintf("%q is no DNS name, so the self-made certificate will not have it", name.Value), ""))
	}
	if err := certs.CheckDevelopment(cfg.Host.StateDir, developmentNames(cfg), time.Now()); err != nil {
		p.report(developmentProblem(p.plan, err.Error(), ""))
		return
	}
	if files, complete := certs.DevelopmentFiles(cfg.Host.StateDir); complete {
		_, errs := p.reading.Load(files)
		p.problems = append(p.problems, developmentProblems(p.plan, errs)...)
	}
}

// selfMade returns the development credentials if any port needs them. If some had to be made, it says so instead.
// What is wrong is added to the reading.
func (d *daemon) selfMade(r *reading) (creds *certs.Credentials, created bool) {
	next := r.plan
	if r.problems.HasErrors() || len(next.selfMade) == 0 {
		return nil, false
	}
	files, made, err := certs.Development(next.config.Host.StateDir, developmentNames(next.config), time.Now())
	if err != nil {
		r.problems = append(r.problems, developmentProblem(next, err.Error(), ""))
		return nil, false
	}
	for _, file := range made {
		d.log.Warn("made for development", "file", file)
	}
	if len(made) > 0 {
		return nil, true
	}
	creds, errs := d.sources.certs.Load(files)
	if creds == nil {
		r.problems = append(r.problems, developmentProblems(next, errs)...)
		return nil, false
	}
	if before := d.inForce(); before == nil || len(before.selfMade) == 0 {
		d.log.Warn("a self-made certificate is served: clients must trust its CA",
			"ports", next.selfMade, "ca", files.TrustedCA)
	}
	return creds, false
}

func developmentProblems(p *plan, errs []*certs.FileError) config.Problems {
	var problems config.Problems
	for _, err := range errs {
		problem := developmentProblem(p, err.Error(), err.Hint)
		problem.Warning, problem.Passing = err.Warning, err.Passing
		problems = append(problems, problem)
	}
	return problems
}

// developmentProblem is about a file that no key names.
func developmentProblem(p *plan, message, hint string) config.Problem {
	if hint == "" {
		hint = "set certificate under [host], or mend the state directory"
	}
	return config.Problem{
		Pos:     config.Position{File: p.config.Path},
		Key:     "host.state_dir",
		Message: "no certificate is configured for " + p.selfMade[0] + ", and the self-made one cannot serve: " + message,
		Hint:    hint,
	}
}

// developmentNames are the names of a self-made certificate beside localhost.
func developmentNames(cfg *config.Config) []string {
	var names []string
	if name := cfg.Host.Name.Value; certs.IsHostName(name) {
		names = append(names, name)
	}
	if name, err := os.Hostname(); err == nil && certs.IsHostName(name) {
		names = append(names, name)
	}
	return names
}
