package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how many events a period may have, as people write it. The zero value sets no
// bound.
type Rate struct {
	Events int
	Per    time.Duration // a second, a minute or an hour
}

// The greatest number of events of a rate.
const maxEvents = 1_000_000_000

// ParseRate reads "10/s", "600/m" or "36000/h". Errors are [*Malformed].
func ParseRate(text string) (Rate, error) {
	const hint = `write a number and a unit, such as "10/s", "600/m" or "36000/h"`
	number, unit, ok := strings.Cut(text, "/")
	if !ok {
		return Rate{}, malformed(text, "is not a rate", hint)
	}
	events, err := strconv.ParseUint(number, 10, 32)
	if err != nil || number[0] == '0' && len(number) > 1 {
		return Rate{}, malformed(text, "is not a rate", hint)
	}
	if events == 0 {
		return Rate{}, malformed(text, "lets nothing pass", "leave the rate out for none; a [[block]] refuses an address altogether")
	}
	if events > maxEvents {
		return Rate{}, malformed(text, fmt.Sprintf("is more than %d events", maxEvents), "leave the rate out for none")
	}
	switch unit {
	case "s":
		return Rate{int(events), time.Second}, nil
	case "m":
		return Rate{int(events), time.Minute}, nil
	case "h":
		return Rate{int(events), time.Hour}, nil
	default:
		return Rate{}, malformed(text, fmt.Sprintf("has the unknown unit %q", unit), "the units are s, m and h")
	}
}

// String returns the rate as [ParseRate] reads it, and "" for none.
func (r Rate) String() string {
	switch r.Per {
	case time.Second:
		return strconv.Itoa(r.Events) + "/s"
	case time.Minute:
		return strconv.Itoa(r.Events) + "/m"
	case time.Hour:
		return strconv.Itoa(r.Events) + "/h"
	default:
		return ""
	}
}

// IsZero reports whether r sets no bound.
func (r Rate) IsZero() bool { return r == Rate{} }

// PerSecond returns the events of a second, the unit of token buckets.
func (r Rate) PerSecond() float64 {
	if r.Per <= 0 {
		return 0
	}
	return float64(r.Events) / r.Per.Seconds()
}

// valid reports whether ParseRate could have returned r.
func (r Rate) valid() bool {
	return r.IsZero() || r.String() != "" && r.Events > 0 && r.Events <= maxEvents
}
