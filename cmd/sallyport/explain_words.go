package main

import (
	"fmt"
	"strings"
	"time"

	"sallyport/policy"
)

// String lists the bounds.
func (l *explainedLimits) String() string { return strings.Join(l.parts(), ", ") }

func (l *explainedLimits) parts() []string {
	var parts []string
	if l.MaxConnections > 0 {
		parts = append(parts, count(l.MaxConnections, "connection")+" at once")
	}
	if l.Rate != "" {
		parts = append(parts, fmt.Sprintf("new ones at %s with a burst of %d", l.Rate, l.Burst))
	}
	return parts
}

// counted says who is counted.
func (l *explainedLimits) counted() string {
	switch {
	case l.CountedClient != "":
		return "client " + l.CountedClient
	case l.CountedSource != "":
		return l.CountedSource
	default:
		return "all clients of the UNIX socket together"
	}
}

// String lists the bounds of a source.
func (d *explainedDefaults) String() string {
	parts := d.parts()
	if d.Handshakes != "" {
		parts = append(parts, "TLS handshakes at "+d.Handshakes)
	}
	return strings.Join(parts, ", ")
}

// String says when a source is locked out, and for how long.
func (l *explainedLockout) String() string {
	until := "for " + policy.DurationText(seconds(l.Duration))
	if l.Forever {
		until = "until somebody unlocks it"
	}
	return fmt.Sprintf("%s, after %s within %s: refusals by the policy and failed handshakes",
		until, count(l.Failures, "failure"), policy.DurationText(seconds(l.Window)))
}

// listed joins the first of a list that may have thousands.
func listed(words []string) string {
	const most = 20
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
