package matrix

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"sallyport/policy"
)

// DateOrder is the order of days and months where both are numbers. The zero value is that it is not known.
type DateOrder string

// The orders of dates.
const (
	DayFirst   DateOrder = "DD/MM/YYYY"
	MonthFirst DateOrder = "MM/DD/YYYY"
)

// ParseDateOrder reads "DD/MM/YYYY" or "MM/DD/YYYY", and nothing for no order. Errors are [*policy.Malformed].
func ParseDateOrder(text string) (DateOrder, error) {
	switch order := DateOrder(strings.ToUpper(text)); order {
	case "", DayFirst, MonthFirst:
		return order, nil
	default:
		return "", &policy.Malformed{Problem: quoted(text) + " is no order of days and months", Hint: fmt.Sprintf("it is %s or %s", DayFirst, MonthFirst)}
	}
}

// day reads a date, the zero time for none. Errors are [*policy.Malformed].
func (o DateOrder) day(text string) (time.Time, error) {
	if nothing(text) || endless(text) {
		return time.Time{}, nil
	}
	day, err := o.date(withoutTime(text))
	if err != nil {
		return time.Time{}, err
	}
	if day.Year() < 1970 {
		return time.Time{}, &policy.Malformed{Problem: quoted(text) + " is before 1970", Hint: dateHint}
	}
	return day, nil
}

const dateHint = `write 2027-01-31`

// endless reports whether a word stands for no last day.
func endless(text string) bool {
	switch strings.ToLower(text) {
	case "never", "permanent", "unlimited", "no expiry", "indefinite":
		return true
	default:
		return false
	}
}

// withoutTime returns a date without the midnight that spreadsheets write behind it.
func withoutTime(text string) string {
	for _, midnight := range []string{"T00:00:00Z", "T00:00:00", " 00:00:00", " 00:00"} {
		if day, ok := strings.CutSuffix(text, midnight); ok {
			return day
		}
	}
	return text
}

// date reads a date in one of the forms that can only be read in one way, or in the order that was asked for.
func (o DateOrder) date(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006/1/2", "2.1.2006", "2-Jan-2006", "2 Jan 2006", "2 January 2006", "Jan 2, 2006", "January 2, 2006"} {
		if day, err := time.Parse(layout, text); err == nil {
			return day, nil
		}
	}
	slashed := strings.ReplaceAll(text, "-", "/")
	dayFirst, err := time.Parse("2/1/2006", slashed)
	monthFirst, otherErr := time.Parse("1/2/2006", slashed)
	switch {
	case o == DayFirst && err == nil:
		return dayFirst, nil
	case o == MonthFirst && otherErr == nil:
		return monthFirst, nil
	case o == "" && err == nil && (otherErr != nil || dayFirst.Equal(monthFirst)):
		return dayFirst, nil
	case o == "" && err != nil && otherErr == nil:
		return monthFirst, nil
	case o == "" && err == nil:
		return time.Time{}, &policy.Malformed{
			Problem: fmt.Sprintf("%s is %s or %s", quoted(text), policy.DayText(dayFirst), policy.DayText(monthFirst)),
			Hint:    fmt.Sprintf("write it as one of these, or say --date-format %s or %s", DayFirst, MonthFirst),
		}
	}
	problem := quoted(text) + " is not a date"
	if _, err := strconv.Atoi(text); err == nil {
		problem += ", but a number as spreadsheets count days"
	}
	return time.Time{}, &policy.Malformed{Problem: problem, Hint: dateHint}
}
