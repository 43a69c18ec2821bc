package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/ruleset"
	"sallyport/policy"
)

// auditCounters says which flows with source ports are in use.
type auditCounters struct {
	Since     string      `json:"since"`
	Pins      int         `json:"pins"`
	Used      int         `json:"used"`
	Shared    int         `json:"shared"`
	Unused    int         `json:"unused"`
	Uncounted int         `json:"uncounted"`
	Flows     []auditFlow `json:"flows"` // but those that are used
}

type auditFlow struct {
	ID          string `json:"id"`
	Rule        string `json:"rule"`
	Client      string `json:"client"`
	Source      string `json:"source"`
	SourcePorts string `json:"source_ports"`
	Destination string `json:"destination"`
	Port        uint16 `json:"port"`
	Use         string `json:"use"`
}

// The uses of flows, in the words of people and of JSON.
const (
	pinUnused    = "never used"
	pinUncounted = "not counted"
	pinShared    = "used by this or another flow"
)

// count finds out which pins were never used.
func (a *auditor) count(report *auditReport, j *ruleset.Judge, m *firewall.Matrix, r *loadedRules) error {
	c := &auditCounters{Since: sinceWhen(r), Flows: []auditFlow{}}
	report.Counters = c
	var before *ruleset.Judge
	if a.since != "" {
		older, err := readRules(a.since, a.stdin)
		if err != nil {
			return err
		}
		before = &ruleset.Judge{Ruleset: older, Interface: a.iface, Now: m.Now}
		if info, err := os.Stat(a.since); err == nil {
			c.Since = "since " + info.ModTime().UTC().Format(time.RFC3339)
		}
	}
	for i := range m.Guards {
		g := &m.Guards[i]
		to := ruleset.Connection{Direction: g.Direction, Destination: representative(g, r.local), Port: g.Port}
		counters := j.Counters(to)
		if before != nil {
			counters = ruleset.Since(before.Counters(to), counters)
		}
		c.add(m, g, ruleset.Uses(g, counters))
	}
	switch {
	case c.Pins > 0 && c.Uncounted == c.Pins:
		return errors.New("nothing in these rules counts the flows with source ports\n" +
			"  hint: the rules of sallyport export nftables and iptables do; save the latter with iptables-save -c")
	case c.Unused > 0:
		report.Verdict = auditDiffers
	case c.Uncounted > 0:
		report.Verdict = auditUnsure
	}
	return nil
}

// sinceWhen says from when on rules have counted.
func sinceWhen(r *loadedRules) string {
	if r.made != "" {
		return "since the rules were loaded, on " + r.made + " or later"
	}
	return "since the rules were loaded"
}

// representative returns an address of a guard: counters of our own exports are the same for all.
func representative(g *firewall.Guard, local []netip.Addr) netip.Addr {
	if g.Destination.IsSingleIP() {
		return g.Destination.Addr()
	}
	for _, a := range local {
		if g.Destination.Contains(a) {
			return a
		}
	}
	return policy.LastOf(g.Destination).Prev()
}

// add adds the flows of a guard that are pins.
func (c *auditCounters) add(m *firewall.Matrix, g *firewall.Guard, uses map[int32]ruleset.Use) {
	for _, flow := range slices.Sorted(maps.Keys(uses)) {
		use := uses[flow]
		f := &m.Flows[flow]
		if f.Action != firewall.Permit || firewall.IsAnyPort(f.Source.Ports) {
			continue
		}
		c.Pins++
		text := ""
		switch use {
		case ruleset.Used:
			c.Used++
			continue
		case ruleset.Shared:
			c.Shared++
			text = pinShared
		case ruleset.Unused:
			c.Unused++
			text = pinUnused
		default:
			c.Uncounted++
			text = pinUncounted
		}
		c.Flows = append(c.Flows, auditFlow{
			ID: f.ID, Rule: f.Rule, Client: f.Source.Name, Source: destinationText(f.Source.Prefix),
			SourcePorts: rangesText([]policy.PortRange{f.Source.Ports}), Destination: destinationText(g.Destination), Port: g.Port, Use: text,
		})
	}
}

// lines writes the flows that are not in use, or of which that is not known.
func (c *auditCounters) lines(w io.Writer) {
	for _, f := range c.Flows {
		client := ""
		if f.Client != "" {
			client = " (" + f.Client + ")"
		}
		fmt.Fprintf(w, "%s: rule %s%s: %s source ports %s to %s port %d\n", f.Use, f.Rule, client, f.Source, f.SourcePorts, f.Destination, f.Port)
	}
}

func (c *auditCounters) summary() string {
	return fmt.Sprintf("%s: of %s with source ports %d used, %d never used, %d used by them or others, %d not counted", c.Since,
		count(c.Pins, "flow"), c.Used, c.Unused, c.Shared, c.Uncounted)
}
