package suggest

import (
	"fmt"
	"strings"
	"time"

	"sallyport/internal/suggest/draft"
)

// How many bytes of a text from the log are shown.
const (
	shortText = 64
	longText  = 256
)

// span says how many sessions there were, and when.
func (c *counts) span() string {
	text := draft.Counted(c.sessions, "connection")
	if c.first.IsZero() {
		return text
	}
	first, last := c.first.UTC().Format(time.RFC3339), c.last.UTC().Format(time.RFC3339)
	if first == last {
		return text + " at " + first
	}
	return text + " from " + first + " to " + last
}

// reasonText lists why the sessions would have been denied.
func (c *counts) reasonText() string {
	var texts []string
	for i, n := range c.reasons {
		if n == 0 {
			continue
		}
		name := string(helped[i])
		if helped[i] == hidden {
			name = "no reason shown"
		}
		texts = append(texts, fmt.Sprintf("%s (%d)", name, n))
	}
	return strings.Join(texts, ", ")
}
