package main

import (
	"strings"
	"testing"
)

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
