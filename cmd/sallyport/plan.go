package main

import (
	"fmt"
	"slices"

	"sallyport/certs"
	"sallyport/internal/config"
	"sallyport/listener"
	"sallyport/policy"
	"sallyport/proxy"
)

// plan is everything that a configuration asks for, read and validated. Making one
// opens no socket and writes no file, so check and run share it.
type plan struct {
	config         *config.Config
	ports          []portPlan
	upstreams      []upstreamPlan
	pipes          int
	maxConnections int
	policy         *policy.Set // nil if there are errors
	policyHash     string
	selfMade       []string       // ports that no level has a certificate for
	loaded         *certs.Reading // until it is put into force
	held           *inventory     // from then on
}

// portPlan is one port with its certificates.
type portPlan struct {
	*config.Port
	application *config.Application
	spec        listener.Spec
	server      certs.Server // zero on plaintext ports
}

// planner collects problems while it turns a configuration into a plan.
type planner struct {
	reading  *certs.Reading
	problems config.Problems
	reported map[config.Problem]bool // by reportOnce
	plan     *plan
	files    []string // of credentials that were read or looked for

	// places tell where the policy is written. They are large, and only who explains the policy keeps them.
	places *config.PolicyFiles
}

// sources are what plans are made from: files, of which plans share what did not change, and the host.
type sources struct {
	configs config.Loader
	certs   *certs.Loader
	host    host
}

func newSources() *sources { return &sources{certs: certs.NewLoader(), host: thisHost()} }

// drawUp reads path and every file that it names. The plan is nil if the file itself could not be read; it must not be
// used if there are errors among the problems.
func drawUp(path string, from *sources) *planner {
	cfg, problems := from.configs.Load(path)
	if cfg == nil {
		return &planner{problems: problems}
	}
	reading := from.certs.Reading()
	p := &planner{reading: reading, problems: problems, plan: &plan{config: cfg, loaded: reading}}
	sound := !problems.HasErrors() // a port that could not be read would be missing in the policy, too
	p.logAttributes()
	p.capacity()
	p.host()
	for i := range cfg.Applications {
		p.application(&cfg.Applications[i])
	}
	p.development()
	p.pins(from.host)
	if sound {
		p.policy()
	} else {
		_, problems := config.LoadPolicy(cfg)
		p.problems = append(p.problems, problems...)
	}
	cfg.Sort(p.problems)
	return p
}

func (p *planner) report(problem config.Problem) { p.problems = append(p.problems, problem) }

// logAttributes checks the names in [log] filter against the attributes that there are.
func (p *planner) logAttributes() {
	var known []string
	for _, a := range proxy.Attributes() {
		known = append(known, a.Name)
	}
	for _, rule := range p.plan.config.Log.Filter {
		name := rule.Attribute.Value
		if slices.Contains(known, name) {
			continue
		}
		hint := "docs/log.md lists every attribute"
		if near := config.Suggest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		p.report(rule.Attribute.Problem(fmt.Sprintf("no log record has an attribute %q", name), hint))
	}
}

func (p *planner) application(app *config.Application) {
	if app.Credentials.Level != "" { // also where every port has its own: a level that nobody uses may still be wrong
		p.credentials(app.Credentials, certs.ForServer)
	}
	p.upstream(app.Name.Value, &app.Upstream)
	for i := range app.Ports {
		port := &app.Ports[i]
		p.plan.ports = append(p.plan.ports, portPlan{
			Port:        port,
			application: app,
			spec:        p.spec(port),
			server:      p.server(port),
		})
		for j := range port.SNI {
			if upstream := port.SNI[j].Upstream; upstream != nil {
				p.upstream(sniUpstream(port, j), upstream)
			}
		}
	}
}

func (p *planner) spec(port *config.Port) listener.Spec {
	return listener.Spec{
		Network:  port.Listen.Value.Network,
		Address:  port.Listen.Value.Address,
		ID:       port.Name(),
		DeadPeer: p.plan.config.Limits.DeadPeerTimeout,
	}
}

// server loads the certificates of a port that speaks TLS.
func (p *planner) server(port *config.Port) certs.Server {
	if port.Mode.Value == config.ModePlaintext {
		return certs.Server{}
	}
	server := certs.Server{
		ALPN:    port.ALPN,
		Tickets: port.SessionTickets.Value,
	}
	var err error
	if server.Profile, err = certs.ParseProfile(string(port.TLSProfile.Value)); err != nil {
		p.reportOnce(port.TLSProfile.Problem(err.Error(), ""))
	}
	if server.ClientAuth, err = certs.ParseClientAuth(string(port.ClientAuth.Value)); err != nil {
		p.reportOnce(port.ClientAuth.Problem(err.Error(), ""))
	}
	if port.Credentials.Level == "" {
		p.plan.selfMade = append(p.plan.selfMade, port.Name())
	} else {
		server.Default = p.credentials(port.Credentials, certs.ForServer)
	}
	server.Names = make([]certs.Named, 0, len(port.SNI))
	for i := range port.SNI {
		server.Names = append(server.Names, p.serverName(&port.SNI[i]))
	}
	return server
}

// serverName loads what a port serves for some server names, and checks that it fits them.
func (p *planner) serverName(sni *config.SNI) certs.Named {
	named := certs.Named{Names: values(sni.Names)}
	if sni.Credentials.Level == "" {
		return named
	}
	named.Credentials = p.credentials(sni.Credentials, certs.ForServer)
	if named.Credentials == nil {
		return named
	}
	for _, name := range sni.Names {
		for _, certificate := range named.Credentials.Certificates {
			if !certificate.Covers(name.Value) {
				p.report(name.Problem(
					fmt.Sprintf("the certificate in %s is not valid for %q", certificate.File, name.Value),
					namesHint(certificate)))
			}
		}
	}
	return named
}

// host loads the host's certificate and warns if it does not have the host's name.
func (p *planner) host() {
	host := p.plan.config.Host
	if host.Credentials.Level == "" {
		return
	}
	creds := p.credentials(host.Credentials, certs.ForServer)
	if creds == nil || host.Name.Value == "" {
		return
	}
	for _, certificate := range creds.Certificates {
		if !certificate.Covers(host.Name.Value) {
			p.report(host.Name.Warning(
				fmt.Sprintf("the host's certificate in %s is not valid for %q", certificate.File, host.Name.Value),
				namesHint(certificate)))
		}
	}
}
