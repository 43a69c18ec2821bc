package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
)

// hashOf returns the SHA-256 of what a policy says. Every table is one line and
// the lines are sorted, so neither the order of files nor that of tables and
// list elements counts. What is left out is not written: a key that a later
// release adds leaves the hashes of files without it as they are.
func hashOf(src *policy.Source) string {
	lines := slices.Concat(
		linesOf(src.Clients, clientLine),
		linesOf(src.Groups, groupLine),
		linesOf(src.Rules, ruleLine),
		linesOf(src.Blocks, blockLine),
		linesOf(src.Tests, testLine),
		[]string{defaultsLine(&src.Defaults), lockoutLine(&src.Lockout), auditLine(&src.Audit)},
	)
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

func linesOf[T any](tables []T, write func(*T) string) []string {
	lines := make([]string, len(tables))
	for i := range tables {
		lines[i] = write(&tables[i])
	}
	return lines
}

// line is one table.
type line struct{ strings.Builder }

func newLine(section policy.Section) *line {
	l := new(line)
	l.WriteString(string(section))
	return l
}

func (l *line) text(key, value string) {
	if value != "" {
		fmt.Fprintf(l, " %s=%q", key, value)
	}
}

func (l *line) number(key string, value int) {
	if value != 0 {
		l.text(key, strconv.Itoa(value))
	}
}

func (l *line) flag(key string, value bool) {
	if value {
		l.text(key, "true")
	}
}

func (l *line) moment(key string, value time.Time) {
	if !value.IsZero() {
		l.text(key, value.UTC().Format(time.RFC3339Nano))
	}
}

func (l *line) list(key string, values []string) {
	sorted := slices.Compact(slices.Sorted(slices.Values(values)))
	for _, value := range sorted {
		l.text(key, value)
	}
}

func (l *line) limits(limits *policy.Limits) {
	l.number("max_connections", limits.MaxConnections)
	l.text("rate", limits.Rate.String())
	l.number("burst", limits.Burst)
}

// written returns values as policy files have them.
func written[T fmt.Stringer](values []T) []string {
	var all []string
	for _, value := range values {
		all = append(all, value.String())
	}
	return all
}

func clientLine(c *policy.Client) string {
	l := newLine(policy.ClientSection)
	l.text("name", c.Name)
	l.list("addresses", written(c.Addresses))
	l.list("ports", written(c.Ports))
	l.list("identities", written(c.Identities))
	l.flag("require_tls", c.RequireTLS)
	return l.String()
}

func groupLine(g *policy.Group) string {
	l := newLine(policy.GroupSection)
	l.text("name", g.Name)
	l.list("members", g.Members)
	return l.String()
}

func ruleLine(r *policy.Rule) string {
	l := newLine(policy.AllowSection)
	l.text("id", r.ID)
	l.list("from", r.From)
	l.list("to", r.To)
	l.text("tls", r.TLS.String())
	l.text("mode", r.Mode.String())
	l.limits(&r.Limits)
	l.text("owner", r.Owner)
	l.text("ticket", r.Ticket)
	l.text("reason", r.Reason)
	l.moment("valid_from", r.ValidFrom)
	l.moment("expires", r.Expires)
	return l.String()
}

func blockLine(b *policy.Block) string {
	l := newLine(policy.BlockSection)
	l.text("id", b.ID)
	l.list("addresses", written(b.Addresses))
	l.text("reason", b.Reason)
	return l.String()
}

func defaultsLine(d *policy.Defaults) string {
	l := newLine(policy.DefaultsSection)
	l.limits(&d.Limits)
	l.number("ipv6_prefix", d.IPv6Prefix)
	l.text("handshakes", d.Handshakes.String())
	return l.String()
}

func lockoutLine(o *policy.Lockout) string {
	l := newLine(policy.LockoutSection)
	l.number("failures", o.Failures)
	l.number("window", int(o.Window))
	l.number("duration", int(o.Duration))
	l.flag("forever", o.Forever)
	l.list("exempt", o.Exempt)
	return l.String()
}

func auditLine(a *policy.Audit) string {
	l := newLine(policy.AuditSection)
	l.flag("all", a.All)
	l.list("ports", a.Ports)
	return l.String()
}

func testLine(t *policy.Test) string {
	l := newLine(policy.TestSection)
	if t.From != (netip.AddrPort{}) {
		l.text("from", t.From.String())
	}
	l.list("identity", written(t.Identity))
	l.text("to", t.To)
	l.flag("tls", t.TLS)
	l.moment("at", t.At)
	l.text("expect", t.Expect.String())
	return l.String()
}
