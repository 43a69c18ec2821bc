package testpolicy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
)

// Files are the paths that a configuration needs.
type Files struct{ Certificate, Key, CA string }

// Config writes the configuration: an echo server behind all ports.
func (w *World) Config(f Files) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[host]\ncertificate = %q\ncertificate_key = %q\ntrusted_ca = %q\n", f.Certificate, f.Key, f.CA)
	application := ""
	for i := range w.Ports {
		p := &w.Ports[i]
		if p.Application != application {
			application = p.Application
			fmt.Fprintf(&b, "[[application]]\nname = %q\nupstream.primary = \"builtin:echo\"\n", application)
		}
		fmt.Fprintf(&b, "[[application.port]]\nid = %q\nlisten = %q\nmode = %q\n", p.ID, p.Listen, modeWord(p.Mode))
		if p.Mode != policy.Plaintext {
			fmt.Fprintf(&b, "client_auth = %q\n", p.ClientAuth)
		}
	}
	return b.String()
}

func modeWord(m policy.Mode) string {
	switch m {
	case policy.Secure:
		return "secure"
	case policy.AutoDetect:
		return "auto-detect"
	default:
		return "plaintext"
	}
}

// Policy writes the policy.
func (w *World) Policy() string {
	t := &toml{}
	for i := range w.Source.Clients {
		c := &w.Source.Clients[i]
		t.table("client").text("name", c.Name).list("addresses", texts(c.Addresses)).
			list("ports", texts(c.Ports)).list("identities", texts(c.Identities))
		if c.RequireTLS {
			t.bare("require_tls", "true")
		}
	}
	for i := range w.Source.Groups {
		t.table("group").text("name", w.Source.Groups[i].Name).list("members", w.Source.Groups[i].Members)
	}
	for i := range w.Source.Rules {
		t.rule(&w.Source.Rules[i])
	}
	for i := range w.Source.Blocks {
		b := &w.Source.Blocks[i]
		t.table("block").text("id", b.ID).list("addresses", texts(b.Addresses)).text("reason", b.Reason)
	}
	t.b.WriteString("[audit]\n")
	t.bare("all", strconv.FormatBool(w.Source.Audit.All)).list("ports", w.Source.Audit.Ports)
	return t.b.String()
}

// Tests writes what the tuples are judged as, as the policy's own tests.
func (w *World) Tests(tuples []Tuple) string {
	t := &toml{}
	for i := range tuples {
		for _, way := range tuples[i].Port.Ways() {
			t.table("test").text("from", tuples[i].From.String()).text("to", tuples[i].Port.Name()).text("expect", w.Judge(tuples[i], way, w.Now).String())
			if way == OverTLS {
				t.bare("tls", "true")
			}
			if way == OverTLS && tuples[i].Port.ClientAuth != "none" {
				t.list("identity", texts(Identities()))
			}
		}
	}
	return t.b.String()
}

// toml writes tables; what is empty is left out.
type toml struct{ b strings.Builder }

func (t *toml) rule(r *policy.Rule) {
	t.table("allow").text("id", r.ID).list("from", r.From).list("to", r.To).text("tls", r.TLS.String()).text("mode", r.Mode.String()).
		text("owner", r.Owner).text("ticket", r.Ticket).text("reason", r.Reason)
	if r.MaxConnections > 0 {
		t.bare("max_connections", strconv.Itoa(r.MaxConnections)).text("rate", r.Rate.String()).bare("burst", strconv.Itoa(r.Burst))
	}
	t.day("valid_from", r.ValidFrom).day("expires", r.Expires)
}

func (t *toml) table(name string) *toml {
	fmt.Fprintf(&t.b, "[[%s]]\n", name)
	return t
}

func (t *toml) bare(key, value string) *toml {
	fmt.Fprintf(&t.b, "%s = %s\n", key, value)
	return t
}

func (t *toml) text(key, value string) *toml {
	if value == "" {
		return t
	}
	return t.bare(key, strconv.QuoteToASCII(value))
}

func (t *toml) day(key string, at time.Time) *toml {
	if at.IsZero() {
		return t
	}
	return t.bare(key, at.Format(time.DateOnly))
}

func (t *toml) list(key string, values []string) *toml {
	if len(values) == 0 {
		return t
	}
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = strconv.QuoteToASCII(value)
	}
	return t.bare(key, "["+strings.Join(quoted, ", ")+"]")
}

func texts[T fmt.Stringer](values []T) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = value.String()
	}
	return all
}
