package certs

import (
	"crypto/x509"
	"slices"
	"time"
)

const day = 24 * time.Hour

// expirySoon is how long before a certificate's end its level is first warned of.
const expirySoon = 30 * day

// stages are how long before an end somebody is told of it, and once more at the end itself.
var stages = [...]time.Duration{expirySoon, 14 * day, 7 * day, 3 * day, 1 * day}

// Stage returns which warning of an end is due: the number of days of the last of 30, 14, 7, 3 and 1 days before it
// that has come, and 0 after the end. It reports false before the first. What lives so shortly that a stage
// comes in the first half of its life, such as a list that is issued weekly, does without that stage.
func Stage(now, begins, ends time.Time) (days int, due bool) {
	if now.After(ends) {
		return 0, true
	}
	for _, stage := range slices.Backward(stages[:]) {
		if applies(stage, begins, ends) && ends.Sub(now) <= stage {
			return int(stage / day), true
		}
	}
	return 0, false
}

// NextStage returns when the next warning of an end will be due, the zero time if it is over.
func NextStage(now, begins, ends time.Time) time.Time {
	for _, stage := range stages {
		if at := ends.Add(-stage); applies(stage, begins, ends) && at.After(now) {
			return at
		}
	}
	if over := ends.Add(1); over.After(now) {
		return over
	}
	return time.Time{}
}

func applies(stage time.Duration, begins, ends time.Time) bool {
	return stage <= ends.Sub(begins)/2
}

// nearing reports whether a certificate that is valid is near enough to its end to warn of it.
func nearing(now time.Time, c *x509.Certificate) bool {
	_, due := Stage(now, c.NotBefore, c.NotAfter)
	return due
}

// expiring marks a finding as one of those that the passing of time brings.
func (f *finding) expiring() *finding {
	f.passing = true
	return f
}
