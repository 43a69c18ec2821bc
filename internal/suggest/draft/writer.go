// Package draft writes policy files that people are to review.
//
// Whatever is written into them, they are TOML and say nothing but what was meant: text from elsewhere
// stays a string, or a part of a comment.
package draft

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sallyport/policy"
)

// Writer writes TOML. Its errors wait for Flush.
type Writer struct{ *bufio.Writer }

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{bufio.NewWriter(w)} }

// Comment writes a line that TOML does not look at. Text from elsewhere must be [Quoted] in it.
func (w *Writer) Comment(format string, args ...any) {
	fmt.Fprintln(w, strings.TrimRight("# "+fmt.Sprintf(format, args...), " "))
}

// Text writes a key with a string.
func (w *Writer) Text(key, value string) { fmt.Fprintf(w, "%s = %s\n", key, Whole(value)) }

// Number writes a key with a number.
func (w *Writer) Number(key string, value int) { fmt.Fprintf(w, "%s = %d\n", key, value) }

// Day writes a key with the day of a time, UTC.
func (w *Writer) Day(key string, value time.Time) {
	fmt.Fprintf(w, "%s = %s\n", key, policy.DayText(value))
}

// List writes a key with a list of strings, on several lines if they are many.
func (w *Writer) List(key string, values []string) {
	const perLine = 6
	if len(values) <= perLine {
		fmt.Fprintf(w, "%s = [%s]\n", key, QuotedList(values))
		return
	}
	fmt.Fprintf(w, "%s = [\n", key)
	for line := range slices.Chunk(values, perLine) {
		fmt.Fprintf(w, "  %s,\n", QuotedList(line))
	}
	fmt.Fprintln(w, "]")
}

// Texts returns the text of each element of a list.
func Texts[T any](list []T, text func(T) string) []string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = text(list[i])
	}
	return texts
}
