package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/ruleset"
)

// auditor is one run of audit firewall.
type auditor struct {
	matrixReader
	files    []string // of rules; none: those of this host
	iface    string
	counters bool
	since    string
	asJSON   bool
	stdin    io.Reader
	stdout   io.Writer
}

// loadedRules is the rules of a firewall as they were read.
type loadedRules struct {
	rules   *ruleset.Ruleset
	names   []string // of where they were read from
	live    bool
	notes   []string
	partial bool   // there are more rules, as notes say
	made    string // the day of our own table
	local   []netip.Addr
}

func (a *auditor) run(ctx context.Context) error {
	m, err := a.matrix(ctx)
	if err != nil {
		return err
	}
	r, err := a.read(ctx)
	if err != nil {
		return fail(err)
	}
	judge := &ruleset.Judge{Ruleset: r.rules, Interface: a.iface, Now: m.Now, Zoned: r.live}
	report := newAuditReport(a, m, r)
	if a.counters {
		if err := a.count(report, judge, m, r); err != nil {
			return fail(err)
		}
	} else if err := report.compare(judge, m, r); err != nil {
		return fail(err)
	}
	if err := report.write(a.stdout, a.asJSON); err != nil {
		return fail(err)
	}
	return report.exit()
}

// read reads the rules.
func (a *auditor) read(ctx context.Context) (*loadedRules, error) {
	if len(a.files) == 0 {
		r, err := liveRules(ctx)
		if err == nil && a.flags.at == string(firewall.AtHost) {
			r.local = localAddresses()
		}
		return r, err
	}
	r := &loadedRules{names: a.files}
	var parts []*ruleset.Ruleset
	for _, name := range a.files {
		part, err := readRules(name, a.stdin)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	r.rules = ruleset.Join(parts...)
	r.made = r.rules.Made()
	return r, nil
}

// readRules reads a file, or standard input if the name is -.
func readRules(name string, stdin io.Reader) (*ruleset.Ruleset, error) {
	path := name
	if path == standardInput {
		name = "standard input"
	}
	data, err := readInput(path, name, stdin, largestRuleset)
	if err != nil {
		return nil, err
	}
	return ruleset.Read(name, data)
}

// localAddresses returns those of this host that others can reach. Link-local ones are left out: what holds for the others, holds for them.
func localAddresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil // then every address that the rules tell apart is judged
	}
	var all []netip.Addr
	for _, address := range list {
		p, err := netip.ParsePrefix(address.String())
		if a := p.Addr().Unmap(); err == nil && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			all = append(all, a)
		}
	}
	return all
}

// notes says what one has to know to understand the answer.
func (a *auditor) notes(r *loadedRules) []string {
	var notes []string
	if !a.counters {
		notes = a.comparisonNotes(r)
	}
	if idle := r.rules.Idle(); len(idle) > 0 {
		notes = append(notes, "Chains of an export are there, and nothing leads to them: "+listed(idle)+".")
	}
	return slices.Concat(notes, r.rules.Notes, r.notes)
}

// comparisonNotes says what a comparison takes for granted.
func (a *auditor) comparisonNotes(r *loadedRules) []string {
	by := "by any interface but the loopback"
	if a.iface != "" {
		by = "by " + a.iface
	}
	notes := []string{"Judged are new TCP connections " + by + ", from every address that a host on a network can have and source ports 1-65535, as if no limit were reached."}
	if r.rules.Redirects() {
		notes = append(notes, "Some rules translate destinations. Ours are taken as they are after that; what is translated away from them cannot be told.")
	}
	if filled := r.rules.Filled(); len(filled) > 0 {
		notes = append(notes, "Sets that rules fill as packets pass are taken as they were read: "+listed(filled)+".")
	}
	if a.flags.asOf != "" {
		notes = append(notes, "Elements of sets are taken as they were read, although some may have gone by "+strings.TrimSpace(a.flags.asOf)+".")
	}
	return notes
}
