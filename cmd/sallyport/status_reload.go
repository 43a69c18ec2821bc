package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/internal/admin"
)

func printReloads(w io.Writer, s *admin.Status) {
	if r := s.LastSuccess; r != nil {
		fmt.Fprintf(w, "last change %s ago, by %s\n", ago(r.Time), r.Trigger)
	}
	if f := s.LastFailure; admin.FailedLast(s.LastSuccess, s.LastFailure) {
		fmt.Fprintf(w, "LAST RELOAD FAILED %s ago, nothing changed:\n", ago(f.Time))
		for _, p := range f.Problems {
			fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(p, "\n", "\n  "))
		}
	}
	var parts []string
	for _, c := range s.Reloads {
		if n := c.Succeeded + c.Failed; n > 0 && c.Trigger != admin.TriggerStart {
			parts = append(parts, fmt.Sprintf("%d by %s (%d failed)", n, c.Trigger, c.Failed))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "reloads since the start: %s\n", strings.Join(parts, ", "))
	}
}

// statusHorizon is within which time the text of status shows what ends.
const statusHorizon = 30 * 24 * time.Hour

// printCertificates lists what ends soon, and says how many do not.
func printCertificates(w io.Writer, s *admin.Status, now time.Time) error {
	near := 0 // they are in the order of their ends
	for near < len(s.Certificates) && s.Certificates[near].NotAfter.Sub(now) <= statusHorizon {
		near++
	}
	lists := 0
	for lists < len(s.RevocationLists) && s.RevocationLists[lists].NextUpdate.Sub(now) <= statusHorizon {
		lists++
	}
	others := len(s.Certificates) - near
	if near+lists == 0 {
		if others == 0 {
			return nil
		}
		_, err := fmt.Fprintf(w, "%s in use, none ends within 30 days\n", count(others, "certificate"))
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nCERTIFICATE\tSERIAL\tENDS\t\tFILE\tUSED BY")
	for i := range s.Certificates[:near] {
		c := &s.Certificates[i]
		subject := c.Subject
		if c.Role != admin.RoleLeaf {
			subject += " (" + c.Role + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", subject, c.Serial, minute(c.NotAfter), remaining(now, c.NotAfter), c.Files[0], fewUsers(c.UsedBy))
	}
	for i := range s.RevocationLists[:lists] {
		l := &s.RevocationLists[i]
		fmt.Fprintf(table, "%s (revocation list)\t-\t%s\t%s\t%s\t-\n", l.Issuer, minute(l.NextUpdate), remaining(now, l.NextUpdate), l.File)
	}
	err := table.Flush()
	if err == nil && others > 0 {
		_, err = fmt.Fprintf(w, "others in use, which end later: %d\n", others)
	}
	return err
}

// remaining says how long something still lasts.
func remaining(now, ends time.Time) string {
	switch days := daysLeft(now, ends); {
	case now.After(ends):
		return "HAS ENDED"
	case days == 0:
		return "in less than a day"
	default:
		return "in " + count(days, "day")
	}
}
