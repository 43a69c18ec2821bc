package main

import (
	"io"
	"math/big"
	"net/netip"
	"time"

	"sallyport/internal/firewall"
	"sallyport/internal/firewall/ruleset"
	"sallyport/policy"
)

// auditReport is what audit firewall finds out, and what it prints with --json, where its names and meanings stay as they
// are; the help text of the command lists them.
type auditReport struct {
	Verdict    string         `json:"verdict"` // one of those below
	At         string         `json:"at"`
	Time       time.Time      `json:"time"`
	Rulesets   []string       `json:"rulesets"`
	Interface  string         `json:"interface"`
	Flows      int            `json:"flows"`
	Tuples     auditTuples    `json:"tuples"`
	Guards     []auditGuard   `json:"guards"`
	Findings   []auditFinding `json:"findings"`
	Notes      []string       `json:"notes"`
	Counters   *auditCounters `json:"counters"`
	Config     string         `json:"config"`
	PolicyHash string         `json:"policy_hash"`
}

// The verdicts of an audit.
const (
	auditAgrees  = "agree"
	auditDiffers = "differ"
	auditUnsure  = "unknown"
)

// auditTuples is numbers of tuples: of addresses with source ports.
type auditTuples struct {
	Allowed tuples `json:"allowed"`
	Passing tuples `json:"passing"`
	Closed  tuples `json:"closed"`
	Unknown tuples `json:"unknown"`
	Open    tuples `json:"open"`
}

// tuples is how many there are. With IPv6 that is more than numbers of JSON hold exactly.
type tuples struct{ n big.Int }

func (t tuples) MarshalText() ([]byte, error) { return t.n.Append(nil, 10), nil }

type auditGuard struct {
	Name        string `json:"name"`
	Direction   string `json:"direction"`
	Destination string `json:"destination"`
	Port        uint16 `json:"port"`
	auditTuples
}

type auditFinding struct {
	Verdict      string        `json:"verdict"`
	Guard        string        `json:"guard"`
	Direction    string        `json:"direction"`
	Allowed      bool          `json:"allowed"`
	Sources      []auditSource `json:"sources"`
	Tuples       string        `json:"tuples"`
	Destinations []string      `json:"destinations"`
	Port         uint16        `json:"port"`
	Flows        []string      `json:"flows"`
	Rules        []string      `json:"rules"`
	DecidedBy    []auditSite   `json:"decided_by"`
	Why          string        `json:"why"`
	Packets      string        `json:"packets"`

	finding *ruleset.Finding
	guard   *firewall.Guard
}

type auditSource struct {
	Addresses string `json:"addresses"`
	Ports     string `json:"ports"`
}

type auditSite struct {
	Family string `json:"family"`
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	Rule   bool   `json:"rule"`
	Handle uint64 `json:"handle"`
	Line   int    `json:"line"`
	Text   string `json:"text"`
}

func newAuditReport(a *auditor, m *firewall.Matrix, r *loadedRules) *auditReport {
	return &auditReport{
		Verdict: auditAgrees, At: string(m.At), Time: m.Now.UTC().Truncate(time.Second), Rulesets: r.names, Interface: a.iface,
		Flows: len(m.Flows), Guards: []auditGuard{}, Findings: []auditFinding{}, Notes: a.notes(r),
		Config: a.path, PolicyHash: m.Header.PolicyHash,
	}
}

// compare compares every guard.
func (r *auditReport) compare(j *ruleset.Judge, m *firewall.Matrix, from *loadedRules) error {
	worst := auditAgrees
	if from.partial {
		worst = auditUnsure
	}
	translated := false
	for i := range m.Guards {
		g := &m.Guards[i]
		c, err := j.Compare(g, from.local)
		if err != nil {
			return err
		}
		counts := auditTuples{tuples{*c.Allowed}, tuples{*c.Passing}, tuples{*c.Closed}, tuples{*c.Unknown}, tuples{*c.Open}}
		r.Guards = append(r.Guards, auditGuard{g.Name, string(g.Direction), destinationText(g.Destination), g.Port, counts})
		r.Tuples.add(&counts)
		translated = translated || c.Translated
		for n := range c.Findings {
			f := newAuditFinding(m, g, &c.Findings[n])
			r.Findings = append(r.Findings, f)
			switch {
			case f.finding.Verdict == ruleset.Closed, f.finding.Verdict == ruleset.Open && !from.partial: // what was not read may drop it
				worst = auditDiffers
			case f.finding.Verdict == ruleset.Unknown && worst == auditAgrees:
				worst = auditUnsure
			}
		}
	}
	if translated {
		r.Notes = append(r.Notes, "Some rules translate sources behind the firewall: the other end sees other addresses and ports than the policy names.")
	}
	r.Verdict = worst
	return nil
}

func (t *auditTuples) add(o *auditTuples) {
	t.Allowed.add(&o.Allowed)
	t.Passing.add(&o.Passing)
	t.Closed.add(&o.Closed)
	t.Unknown.add(&o.Unknown)
	t.Open.add(&o.Open)
}

func (t *tuples) add(o *tuples) { t.n = *new(big.Int).Add(&t.n, &o.n) }

func newAuditFinding(m *firewall.Matrix, g *firewall.Guard, f *ruleset.Finding) auditFinding {
	a := auditFinding{
		Verdict: string(f.Verdict), Guard: g.Name, Direction: string(g.Direction), Allowed: f.Allowed, Sources: []auditSource{},
		Tuples: f.Size().String(), Port: g.Port, Flows: []string{}, Rules: []string{}, DecidedBy: []auditSite{}, Why: f.Why, Packets: string(f.Packet),
		finding: f, guard: g,
	}
	for _, slab := range f.Sources {
		a.Sources = append(a.Sources, auditSource{rangeText(slab.First, slab.Last), rangesText(slab.Ports())})
	}
	for _, to := range f.To {
		a.Destinations = append(a.Destinations, rangeText(to.First, to.Last))
	}
	for _, flow := range f.Flows {
		a.Flows = append(a.Flows, m.Flows[flow].ID)
		if rule := m.Flows[flow].Rule; len(a.Rules) == 0 || a.Rules[len(a.Rules)-1] != rule {
			a.Rules = append(a.Rules, rule)
		}
	}
	for _, s := range f.Sites {
		site := auditSite{Family: string(s.Table.Family), Table: s.Table.Name, Chain: s.Chain.Name}
		if s.Rule != nil {
			site.Rule, site.Handle, site.Line, site.Text = true, s.Rule.Handle, s.Rule.Line, s.Rule.Text
		}
		a.DecidedBy = append(a.DecidedBy, site)
	}
	return a
}

func (r *auditReport) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(w, r)
	}
	return r.print(w)
}

// exit returns what the command ends with.
func (r *auditReport) exit() error {
	switch r.Verdict {
	case auditDiffers:
		return answerNo()
	case auditUnsure:
		return &failure{code: exitUnsure}
	default:
		return nil
	}
}

func destinationText(p netip.Prefix) string { return rangeText(p.Masked().Addr(), policy.LastOf(p)) }
