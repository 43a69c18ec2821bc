package main

import (
	"strings"
	"testing"
	"time"
)

func TestShortDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "1m30s": 90 * time.Second, "10s": 10 * time.Second,
		"10m": 10 * time.Minute, "20h": 20 * time.Hour, "1h0m5s": time.Hour + 5*time.Second, "0s": 0, "500ms": time.Second / 2,
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestListed(t *testing.T) {
	twenty := strings.Repeat("a, ", 19) + "a"
	words := strings.Split(twenty, ", ")
	for want, list := range map[string][]string{
		"":                     nil,
		"a, a":                 words[:2],
		twenty:                 words,
		twenty + " and 2 more": append(words[:20:20], "b", "c"),
	} {
		if got := listed(list); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExplainedLimits(t *testing.T) {
	for want, l := range map[string]explainedLimits{
		"":                     {},
		"1 connection at once": {MaxConnections: 1},
		"2 connections at once, new ones at 60/h with a burst of 1": {MaxConnections: 2, Rate: "60/h", Burst: 1},
	} {
		if got := l.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
