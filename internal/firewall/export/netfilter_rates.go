package export

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

// bucket is whose new connections a rule counts together: those of a client, or those of each source.
type bucket struct {
	rule, client string // without a client, there is a bucket for each source
}

func (b bucket) compare(o bucket) int {
	return cmp.Or(strings.Compare(b.rule, o.rule), strings.Compare(b.client, o.client))
}

func bucketOf(f *firewall.Flow) bucket {
	if f.PerClient {
		return bucket{f.Rule, f.Source.Name}
	}
	return bucket{rule: f.Rule}
}

// tag stands for the bucket in names.
func (b bucket) tag() string { return tag(b.rule, b.client) }

// rates finds out which rates of the policy a ruleset holds.
type rates struct {
	flows []firewall.Flow
	unfit func(bucket, *policy.Limits) string // says why rules cannot be written for limits, "" if they can

	held map[bucket]*policy.Limits
	left map[bucket]string // those that are not held everywhere, and why
}

func newRates(m *firewall.Matrix, unfit func(bucket, *policy.Limits) string) *rates {
	return &rates{m.Flows, unfit, make(map[bucket]*policy.Limits), make(map[bucket]string)}
}

// holding returns the bucket that new connections of some flows are counted in. There is none if they are to be counted in
// different ones: the policy is a union, so a rule at its limit takes nothing away from what another allows.
func (r *rates) holding(labels []int32) (bucket, bool) {
	first := &r.flows[labels[0]]
	one := bucketOf(first)
	for _, l := range labels[1:] {
		if f := &r.flows[l]; f.Rate != first.Rate || bucketOf(f) != one {
			r.leave(labels, "another rule or client has the same sources")
			return bucket{}, false
		}
	}
	if first.Rate.IsZero() {
		return bucket{}, false
	}
	if why := r.unfit(one, &first.Limits); why != "" {
		r.leave(labels, why)
		return bucket{}, false
	}
	r.held[one] = &first.Limits
	return one, true
}

func (r *rates) leave(labels []int32, why string) {
	for _, l := range labels {
		if f := &r.flows[l]; !f.Rate.IsZero() {
			r.left[bucketOf(f)] = why
		}
	}
}

// buckets returns those that are held, in their order.
func (r *rates) buckets() []bucket { return slices.SortedFunc(maps.Keys(r.held), bucket.compare) }

// notes says what rates mean here, and which are left to sallyport.
func (r *rates) notes() []string {
	var lines []string
	if len(r.held) > 0 {
		lines = append(lines, "rates: they are counted by packets that open connections, so a SYN that is sent again counts again, and so does a connection that sallyport then refuses. Those of [defaults] are left to sallyport.")
	}
	for _, b := range slices.SortedFunc(maps.Keys(r.left), bucket.compare) {
		where := ""
		if _, partly := r.held[b]; partly {
			where = " in part"
		}
		lines = append(lines, fmt.Sprintf("rates: that of rule %s is%s left to sallyport: %s.", b.text(), where, r.left[b]))
	}
	return lines
}

// text names the bucket for people.
func (b bucket) text() string {
	if b.client == "" {
		return b.rule + " for each source"
	}
	return fmt.Sprintf("%s for %s", b.rule, b.client)
}

// refill returns how long an empty bucket takes to be full again, at least a second.
func refill(l *policy.Limits) time.Duration {
	seconds := min(math.Ceil(float64(l.Depth())/l.Rate.PerSecond()), math.MaxInt64/float64(2*time.Second))
	return max(time.Duration(seconds)*time.Second, time.Second)
}

// perUnit returns a rate as netfilter's tools read it.
func perUnit(r policy.Rate) string {
	unit := "hour"
	switch r.Per {
	case time.Second:
		unit = "second"
	case time.Minute:
		unit = "minute"
	}
	return fmt.Sprintf("%d/%s", r.Events, unit)
}
