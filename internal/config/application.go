package config

import (
	"fmt"
	"strings"
)

// applications validates every application; the host's group and flags are
// what they inherit.
func (c *checker) applications(raw *rawFile, host Host) []Application {
	outer := c.flags(flags{}, raw.Host.rawFlags, LevelHost)
	if len(raw.Applications) == 0 && !c.decoded["application[0]"] {
		c.report(Problem{
			Pos:     Position{File: c.path},
			Key:     "application",
			Message: "missing: no application is configured",
			Hint:    "add [[application]] with a name, an [application.upstream] and at least one [[application.port]]",
		})
	}
	names := make(map[string]Located[string])
	applications := make([]Application, 0, len(raw.Applications))
	for i := range raw.Applications {
		applications = append(applications, c.application(&raw.Applications[i], host, outer, names))
	}
	return applications
}

func (c *checker) application(raw *rawApplication, host Host, outer flags, names map[string]Located[string]) Application {
	c.identifier(raw.Name, "name", names)
	level := applicationLevel(raw.Name.Value)
	credentials, own := c.group(raw.rawGroup, level)
	if !own {
		credentials = host.Credentials
	}
	app := Application{Name: raw.Name, Credentials: credentials}
	app.Upstream = c.applicationUpstream(raw, level)
	ports := portChecker{
		checker:     c,
		application: raw.Name.Value,
		credentials: credentials,
		flags:       c.flags(outer, raw.rawFlags, level),
		ids:         make(map[string]Located[string]),
	}
	for i := range raw.Ports {
		app.Ports = append(app.Ports, ports.port(&raw.Ports[i]))
	}
	if len(raw.Ports) == 0 {
		c.report(Problem{
			Pos:     raw.Pos,
			Key:     raw.Key + ".port",
			Message: "missing: an application needs at least one port",
			Hint:    "add [[application.port]] with id, listen and mode",
		})
	}
	c.ownPort(app)
	return app
}

func (c *checker) applicationUpstream(raw *rawApplication, level string) Upstream {
	if raw.Upstream == nil {
		c.report(Problem{
			Pos:     raw.Pos,
			Key:     raw.Key + ".upstream",
			Message: "missing: an application needs a server to pass its connections to",
			Hint:    `add [application.upstream] with primary = "host:port"`,
		})
		return Upstream{}
	}
	return c.upstream(raw.Upstream, "upstream of "+level)
}

const longestIdentifier = 128

// identifier validates a name that other files, logs and metrics refer to, and
// that no other of its kind may have.
func (c *checker) identifier(l Located[string], what string, taken map[string]Located[string]) {
	switch {
	case !l.Set:
		c.report(l.Problem("missing", fmt.Sprintf(`add %s = "..."; logs, metrics and policies use it`, what)))
		return
	case len(l.Value) > longestIdentifier:
		c.report(l.Problem(fmt.Sprintf("%d characters are too many, at most %d are allowed", len(l.Value), longestIdentifier), ""))
		return
	case strings.ContainsFunc(l.Value, notIdentifier):
		c.report(l.Problem(fmt.Sprintf("%q has characters that are not allowed", l.Value),
			"allowed are letters, digits, dot, dash and underscore"))
		return
	}
	if before, ok := taken[l.Value]; ok {
		c.report(l.Problem(fmt.Sprintf("%q is taken already", l.Value), "see "+before.Pos.String()))
		return
	}
	taken[l.Value] = l
}

func notIdentifier(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
}
