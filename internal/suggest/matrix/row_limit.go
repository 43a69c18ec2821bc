package matrix

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"sallyport/policy"
)

// count reads a number of connections, 0 for none.
func (r *row) count(f Field) int {
	c := r.of(f)
	if nothing(c.text) || everything(c.text) || endless(c.text) {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSuffix(c.text, ".0"))
	if err != nil || n < 1 || n > math.MaxInt32 {
		r.fail(c, fmt.Sprintf("%s: %s is no number of connections", f, quoted(c.text)), "write 1 or more, or nothing for no bound")
	}
	return n
}

func (r *row) limits() {
	r.key.MaxConnections, r.key.Burst = r.count(MaxConnections), r.count(Burst)
	if c := r.of(Rate); !nothing(c.text) && !everything(c.text) && !endless(c.text) {
		rate, err := policy.ParseRate(strings.ReplaceAll(c.text, " ", ""))
		if err != nil {
			r.refuse(c, Rate, err)
		}
		r.key.Rate = rate
	}
	if c := r.of(Burst); r.key.Burst > 0 && r.key.Rate.IsZero() {
		r.fail(c, "there is a burst without a rate", "a burst is what may exceed the rate for a moment")
	}
}

func (r *row) dates() {
	var err error
	if c := r.of(ValidFrom); c.text != "" {
		if r.key.from, err = r.Order.day(folded(c.text)); err != nil {
			r.refuse(c, ValidFrom, err)
		}
	}
	c := r.of(ValidUntil)
	if c.text == "" {
		return
	}
	if r.key.until, err = r.Order.day(folded(c.text)); err != nil {
		r.refuse(c, ValidUntil, err)
	}
	if err == nil && !r.key.until.IsZero() && r.key.until.Before(r.key.from) {
		r.fail(c, fmt.Sprintf("the row ends on %s, before it begins on %s", policy.DayText(r.key.until), policy.DayText(r.key.from)), "")
	}
}
