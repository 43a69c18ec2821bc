package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"sallyport/internal/admin"
	"sallyport/proxy"
	"sallyport/proxy/upstream"
)

// status describes all upstreams.
func (u *upstreams) status() []admin.Upstream {
	list := []admin.Upstream{}
	for _, l := range u.all() {
		described := describeGroup(l.group.State())
		if spare := u.spareOf(l); spare != nil {
			described.Spare = describeSpare(spare.State())
		}
		list = append(list, described)
	}
	return list
}

// spareOf returns what keeps a connection for an upstream; nil if none is kept.
func (u *upstreams) spareOf(l *liveUpstream) *proxy.Spare {
	u.mu.Lock()
	defer u.mu.Unlock()
	return l.spare
}

func describeGroup(s upstream.State) admin.Upstream {
	described := admin.Upstream{
		Name:      s.Name,
		Redundant: s.Redundant,
		Active:    s.Active,
		Held:      s.Held,
		Failovers: s.Failovers,
		Failbacks: s.Failbacks,
		Waiting:   s.Waiting,
	}
	for _, e := range s.Endpoints {
		described.Endpoints = append(described.Endpoints, admin.UpstreamEndpoint{
			Endpoint:  e.Endpoint,
			Role:      e.Role,
			Healthy:   e.Healthy,
			Since:     e.Since.UTC(),
			Problem:   e.Problem,
			Sessions:  e.Sessions,
			Connected: e.Connected,
			Failed:    e.Failed,
			Checks:    e.Checks,
			Unwell:    e.Unwell,
		})
	}
	return described
}

func describeSpare(s proxy.SpareState) *admin.Spare {
	described := &admin.Spare{Ready: s.Ready, Problem: s.Problem, Taken: s.Taken, Died: s.Died}
	if !s.Since.IsZero() {
		since := s.Since.UTC()
		described.Since = &since
	}
	return described
}

// sourcePorts describes what the pool has given out.
func (u *upstreams) sourcePorts() []admin.SourcePorts {
	var list []admin.SourcePorts
	for _, use := range u.ports.Stats() {
		list = append(list, admin.SourcePorts{
			Source:      use.Source.String(),
			Destination: use.Destination.String(),
			Ports:       use.Ports,
			Leased:      use.Leased,
			Cooling:     use.Cooling,
			Inherited:   use.Inherited,
			Waiting:     use.Waiting,
		})
	}
	return list
}

// sourceLacks counts sessions that got no source port, by reason code.
func (u *upstreams) sourceLacks() map[string]uint64 {
	counts := make(map[string]uint64)
	for reason, n := range u.ports.Failures() {
		counts[string(reason)] = n
	}
	return counts
}

// printUpstreams shows the upstreams of which there is more to say than their name.
func printUpstreams(w io.Writer, s *admin.Status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "\nUPSTREAM\tROLE\tENDPOINT\tHEALTH\tSESSIONS\tNOTE"
	for _, u := range s.Upstreams {
		for _, e := range u.Endpoints {
			if len(u.Endpoints) == 1 && e.Healthy && e.Problem == "" {
				continue
			}
			if head != "" {
				fmt.Fprintln(table, head)
				head = ""
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", u.Name, e.Role, e.Endpoint, healthText(e), e.Sessions, endpointNote(u, e))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printSourcePorts(w, s.SourcePorts)
}

func healthText(e admin.UpstreamEndpoint) string {
	state := "healthy"
	if !e.Healthy {
		state = "UNHEALTHY"
	}
	return fmt.Sprintf("%s for %s", state, ago(e.Since))
}

// endpointNote says what people ask next.
func endpointNote(u admin.Upstream, e admin.UpstreamEndpoint) string {
	note := ""
	switch {
	case u.Active != e.Endpoint:
	case u.Held:
		note = "in use, chosen by an operator"
	default:
		note = "in use"
	}
	if u.Spare != nil && e.Role == "backup" {
		note = joinNote(note, spareText(u.Spare))
	}
	return joinNote(note, e.Problem)
}

func joinNote(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func spareText(s *admin.Spare) string {
	switch {
	case s.Ready:
		return "spare connection ready"
	case s.Problem != "":
		return "NO SPARE CONNECTION: " + s.Problem
	default:
		return "no spare connection yet"
	}
}

func printSourcePorts(w io.Writer, list []admin.SourcePorts) error {
	if len(list) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nSOURCE\tDESTINATION\tPORTS\tLEASED\tCOOLING\tWAITING")
	for _, p := range list {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\n", p.Source, p.Destination, p.Ports, p.Leased, p.Cooling, p.Waiting)
	}
	return table.Flush()
}
