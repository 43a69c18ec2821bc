package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/internal/config"
	"sallyport/policy"
)

// explainFlags are the flags that describe a connection, as they were given.
type explainFlags struct {
	from, to, serverName, at string
	identities               []string
	tls, plaintext           bool
}

func (f *explainFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "`ADDRESS[:PORT]` of the client, or unix")
	flags.StringVar(&f.to, "to", "", "`APPLICATION/PORT` that it connects to")
	flags.StringArrayVar(&f.identities, "identity", nil, "what its certificate says, such as `dns:NAME`; may be repeated")
	flags.BoolVar(&f.tls, "tls", false, "it speaks TLS")
	flags.BoolVar(&f.plaintext, "plaintext", false, "it does not")
	flags.StringVar(&f.serverName, "server-name", "", "`NAME` that it asks for, which chooses the certificate")
	flags.StringVar(&f.at, "at", "", "when: `TIME` as 2026-01-31T14:00:00Z, or the beginning of a day (UTC); now if left out")
}

// question is a connection to explain.
type question struct {
	from       netip.AddrPort // port 0 if it is not known; invalid for a client of a UNIX socket
	to         string
	identities []policy.Identity
	tls        bool
	plaintext  bool
	bound      string // the flag that binds the client to TLS
	serverName string
	at         time.Time // zero for now
}

// question understands what can be understood without the files.
func (f *explainFlags) question() (q question, err error) {
	q = question{to: f.to, tls: f.tls, plaintext: f.plaintext, serverName: f.serverName}
	switch {
	case f.from == "":
		return q, flagError("from", &policy.Malformed{Problem: "missing: who connects", Hint: "10.2.0.5:20001, [2001:db8::5]:20001, an address alone, or unix"})
	case f.to == "":
		return q, flagError("to", &policy.Malformed{Problem: "missing: the port that is connected to", Hint: "APPLICATION/PORT, as rules name it"})
	}
	if q.from, err = config.ParseFrom(f.from); err != nil {
		return q, flagError("from", err)
	}
	for _, text := range f.identities {
		identity, err := policy.ParseIdentity(text)
		if err != nil {
			return q, flagError("identity", err)
		}
		q.identities = append(q.identities, identity)
	}
	if q.at, err = parseTime(f.at); err != nil {
		return q, flagError("at", err)
	}
	switch {
	case f.tls:
		q.bound = "--tls"
	case len(f.identities) > 0:
		q.bound = "--identity"
	case f.serverName != "":
		q.bound = "--server-name"
	}
	if q.plaintext && q.bound != "" {
		return q, fmt.Errorf("--plaintext and %s exclude each other: a client in plaintext has no TLS handshake, in which to show a certificate or ask for a name", q.bound)
	}
	return q, nil
}

// flagError says which flag an error is about, with the hint of a parser.
func flagError(flag string, err error) error {
	if m, ok := errors.AsType[*policy.Malformed](err); ok && m.Hint != "" {
		return fmt.Errorf("--%s: %s\n  hint: %s", flag, m.Problem, m.Hint)
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

// parseTime reads a time of RFC 3339, or a day, which means its beginning in UTC.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		t, err := time.Parse(layout, strings.ToUpper(text))
		switch {
		case err != nil:
		case t.Year() < 1970:
			return time.Time{}, fmt.Errorf("%q is before 1970", text)
		default:
			return t.UTC(), nil
		}
	}
	return time.Time{}, &policy.Malformed{
		Problem: fmt.Sprintf("%q is no time", text),
		Hint:    "write 2026-01-31T14:00:00Z, 2026-01-31T14:00:00+01:00, or a day as 2026-01-31",
	}
}

// ways returns whether the client speaks TLS, or both answers where either is possible.
func (q *question) ways(port *portPlan) ([]bool, error) {
	if err := q.reaches(port); err != nil {
		return nil, err
	}
	mode, auth := port.Mode, port.ClientAuth
	switch {
	case mode.Value == config.ModePlaintext && q.bound != "":
		return nil, fmt.Errorf("%s: %s is a plaintext port (%s), where a TLS hello is payload like any other; leave %s out",
			q.bound, port.Name(), mode.Pos, q.bound)
	case mode.Value != config.ModePlaintext && auth.Value == config.ClientAuthNone && len(q.identities) > 0:
		return nil, fmt.Errorf("--identity: %s asks no client for a certificate: client_auth is \"none\"%s; set it to \"request\" or \"require\", or leave --identity out",
			port.Name(), writtenAt(auth))
	case q.bound != "", mode.Value == config.ModeSecure && !q.plaintext:
		return []bool{true}, nil
	case q.plaintext, mode.Value == config.ModePlaintext:
		return []bool{false}, nil
	default:
		return []bool{true, false}, nil
	}
}

// writtenAt says where a value comes from, in brackets.
func writtenAt[T any](value config.Inherited[T]) string {
	if !value.Set {
		return " (default)"
	}
	return fmt.Sprintf(" (%s)", value.Pos)
}

// reaches refuses a client that could not even connect.
func (q *question) reaches(port *portPlan) error {
	origins := port.ForPolicy().Origins
	if origins.Holds(q.from) {
		return nil
	}
	hint := ""
	if origins == policy.UNIXOrigin {
		hint = "; use --from unix"
	}
	return fmt.Errorf("--from %s: %s is %s (%s): it listens %s%s", q.source(), port.Name(), port.Listen.Value, port.Listen.Pos, origins, hint)
}

// source writes who connects as the log does.
func (q *question) source() string {
	switch {
	case !q.from.IsValid():
		return "unix"
	case q.from.Port() == 0:
		return q.from.Addr().String()
	default:
		return q.from.String()
	}
}

// facts is what is known of the connection at its end.
func (q *question) facts(port *portPlan, tls bool, now time.Time) policy.Facts {
	f := policy.Facts{
		Application: port.Application,
		Port:        port.ID.Value,
		Source:      q.from,
		Peer:        q.from,
		Judged:      policy.Final,
		TLS:         tls,
		ServerName:  q.serverName,
		Identities:  policy.NewIdentities(q.identities...),
		Now:         now,
	}
	if port.ProxyProtocol && len(port.ProxyTrusted) > 0 && port.Listen.Value.Network != "unix" {
		// The socket's other end is the balancer, and a UNIX socket in its header is one of the balancer's host.
		f.Peer = netip.AddrPortFrom(port.ProxyTrusted[0].Addr(), 1)
	}
	return f
}
