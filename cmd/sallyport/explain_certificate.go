package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"sallyport/certs"
	"sallyport/internal/config"
)

// explainCertificate says which certificate a port serves for a server name, and from which
// level that and the flags beside it come.
func explainCertificate(w io.Writer, p *plan, portName, serverName string) error {
	port, err := p.port(portName)
	if err != nil {
		return err
	}
	if port.Mode.Value == config.ModePlaintext {
		return fmt.Errorf("%s is a plaintext port and serves no certificate", portName)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	row("port", "%s (%s, %s)", portName, port.Mode.Value, port.Listen.Value)
	served, err := p.served(port, serverName)
	if err != nil {
		return err
	}
	switch {
	case serverName == "":
		row("server name", "none")
	case served.index < 0:
		row("server name", "%q, which no sni entry has: the port's default is served", serverName)
	default:
		row("server name", "%q, by sni[%d]", serverName, served.index)
	}
	if served.from.Level == "" {
		row("from", "no level has a certificate: a self-made one in %s", p.config.Host.StateDir)
	} else {
		row("from", "%s (%s)", served.from.Level, served.from.Certificates[0].Pos)
	}
	explainLeaves(row, served.credentials)
	row("tls_profile", "%s (%s)", port.TLSProfile.Value, port.TLSProfile.Level)
	row("client_auth", "%s (%s)", port.ClientAuth.Value, port.ClientAuth.Level)
	row("session_tickets", "%t (%s)", port.SessionTickets.Value, port.SessionTickets.Level)
	if ca := port.Credentials.TrustedCA; ca.Set {
		row("trusted_ca", "%s (%s)", ca.Value, ca.Pos)
	}
	return table.Flush()
}

// served is what a port serves for a server name.
type served struct {
	index       int                // of the port's sni entry; -1 for its default
	from        config.Credentials // as written at the level that counts; Level is empty for the self-made one
	credentials *certs.Credentials // nil for a self-made one that will be made at the first start
}

func (p *plan) served(port *portPlan, serverName string) (s served, err error) {
	s.index, s.credentials = port.server.Selector().Select(serverName)
	s.from = port.Credentials
	if s.index >= 0 && port.SNI[s.index].Credentials.Level != "" {
		s.from = port.SNI[s.index].Credentials
	}
	if s.credentials == nil && s.from.Level == "" {
		s.credentials, err = p.developmentCredentials()
	}
	return s, err
}

func explainLeaves(row func(string, string, ...any), creds *certs.Credentials) {
	if creds == nil {
		row("certificate", "made at the first start")
		return
	}
	for i, c := range creds.Certificates {
		key := "certificate"
		if i > 0 {
			key = "or, for clients that cannot use it"
		}
		row(key, "%s", c.File)
		row("  subject", "%s", c.Leaf.Subject)
		row("  names", "%s", namesOf(c))
		row("  issuer", "%s", c.Leaf.Issuer)
		row("  key", "%s", c.Leaf.PublicKeyAlgorithm)
		row("  serial", "%x", c.Leaf.SerialNumber)
		row("  valid", "%s to %s", c.Leaf.NotBefore.Format(time.DateOnly), c.Leaf.NotAfter.Format(time.DateOnly))
	}
}

// port finds a port by its full name.
func (p *plan) port(name string) (*portPlan, error) {
	var known []string
	for i := range p.ports {
		if p.ports[i].Name() == name {
			return &p.ports[i], nil
		}
		known = append(known, p.ports[i].Name())
	}
	if near := config.Suggest(name, known); near != "" {
		return nil, fmt.Errorf("there is no port %q; did you mean %q?", name, near)
	}
	return nil, fmt.Errorf("there is no port %q; a port is named APPLICATION/PORT, as in %q", name, known[0])
}
