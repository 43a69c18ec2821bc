package policy

// limitReasons is the number of codes that a Limiter refuses with.
const limitReasons = 5

// limitReason returns the i-th of them.
func limitReason(i int) Reason {
	return [limitReasons]Reason{SourceRate, SourceConnections, SourceHandshakes, RuleRate, RuleConnections}[i]
}

// LimiterStats are what a [Limiter] remembers now and what it has done since it was made.
type LimiterStats struct {
	Sources    int               // sources told apart
	Matches    int               // matches of rules told apart, those of named clients included
	Overflowed uint64            // connections counted with those of others because there was no room
	Refused    map[Reason]uint64 // by reason, all of them present; the caller's
}

// Stats returns the present figures. They are read one after the other, so under traffic they are not of one moment.
func (l *Limiter) Stats() LimiterStats {
	refused := make(map[Reason]uint64, limitReasons)
	for i := range l.refused {
		refused[limitReason(i)] = l.refused[i].Load()
	}
	return LimiterStats{
		Sources:    l.sources.tracked(),
		Matches:    l.matches.tracked() + l.known.tracked(),
		Overflowed: l.overflowed.Load(),
		Refused:    refused,
	}
}

// refuse translates an outcome and counts it.
func (l *Limiter) refuse(outcome limitOutcome, many, fast Reason) Reason {
	reason := fast
	if outcome == tooMany {
		reason = many
	}
	for i := range l.refused {
		if limitReason(i) == reason {
			l.refused[i].Add(1)
		}
	}
	return reason
}
