package suggest

import (
	"slices"

	"sallyport/internal/suggest/draft"
)

// cause is why a line or record does not count.
type cause uint8

const (
	nothing cause = iota // it does
	lineTooLong
	recordBroken
	recordForeign
	attributeMissing
	valueUnknown
	sessionAllowed
	sessionDenied
	otherReason
	ruleLimit
	sourceLimit
	socketElsewhere
	portUnknown
	modeGone
	sourceBlocked
	plaintextRefused
	allowedByNow
	fingerprintUnknown
	noRoom
	causes
)

// causeTexts says each in words, after a number of lines or records.
var causeTexts = [causes]string{
	lineTooLong:        "longer than any record of sallyport",
	recordBroken:       "cut off or damaged",
	recordForeign:      "in lines of other programs; journalctl -o cat writes records alone",
	attributeMissing:   "without an attribute that rules need: [log] filter hides it, or the record was cut off",
	valueUnknown:       "with a value that sallyport does not write",
	sessionAllowed:     "allowed",
	sessionDenied:      "denied: --denied takes them too",
	otherReason:        "refused for a reason that no rule changes",
	ruleLimit:          "refused by the limits of a rule that allows them: raise its max_connections, rate or burst if they are too low",
	sourceLimit:        "refused by the limits in [defaults]: raise them if they are too low",
	socketElsewhere:    "from UNIX sockets of another host, which no rule can name",
	portUnknown:        "on ports that the configuration does not have",
	modeGone:           "spoke what the port does not take any more",
	sourceBlocked:      "from addresses in a [[block]], which comes before every rule",
	plaintextRefused:   "in plaintext from a client with require_tls, which comes before every rule",
	allowedByNow:       "allowed by the policy as it is now",
	fingerprintUnknown: "with certificates that a rule may allow by their fingerprints, which the log does not have",
	noRoom:             "of further clients, for which there was no room: THE RESULT IS INCOMPLETE",
}

// The most examples that are kept of one cause.
const mostExamples = 3

type omission struct {
	count    int
	examples []string
}

// unusable counts the records of which it cannot be told whether they need a rule.
func (s *Survey) unusable() (n int) {
	for _, why := range []cause{lineTooLong, recordBroken, attributeMissing, valueUnknown} {
		n += s.omitted[why].count
	}
	return n
}

// omit counts what was left out, with an example of what was in it, if there is one.
func (s *Survey) omit(why cause, example ...string) {
	o := &s.omitted[why]
	o.count++
	for _, text := range example {
		if text != "" && len(o.examples) < mostExamples && !slices.Contains(o.examples, text) {
			o.examples = append(o.examples, text)
		}
	}
}

// Account says what was read and what became of it.
type Account struct {
	Lines   int // all, whatever was in them
	Records int // of sessions
	Used    int

	LeftOut []LeftOut // what does not count, and why; lines that are no session records are not in it

	// Suppressed refusals are counted by records and have none of their own, so clients may be missing.
	Suppressed int

	// Incomplete tells that there was no room for some clients, see [Survey.Most].
	Incomplete bool
}

// LeftOut is how many lines or records do not count for one reason.
type LeftOut struct {
	Count    int
	Why      string
	Examples []string // quoted
}

// Account returns the account of everything read so far.
func (s *Survey) Account() Account {
	a := Account{Lines: s.lines, Records: s.records, Used: s.used, Suppressed: s.suppressed}
	for why := range causes {
		o := &s.omitted[why]
		if o.count == 0 {
			continue
		}
		entry := LeftOut{Count: o.count, Why: causeTexts[why]}
		for _, text := range o.examples {
			entry.Examples = append(entry.Examples, draft.Quoted(text, shortText))
		}
		a.LeftOut = append(a.LeftOut, entry)
	}
	a.Incomplete = s.omitted[noRoom].count > 0
	return a
}
