package main

import (
	"fmt"
	"io"
	"strings"

	"sallyport/internal/suggest"
)

// printAccount says what was read, what was left out and why, and what came of it.
func printAccount(w io.Writer, a suggest.Account, draft *suggest.Draft) {
	fmt.Fprintf(w, "%s, %s, %d used\n", count(a.Lines, "line"), count(a.Records, "session record"), a.Used)
	if len(a.LeftOut) > 0 {
		fmt.Fprintln(w, "left out:")
	}
	for _, left := range a.LeftOut {
		fmt.Fprintf(w, "  %d %s", left.Count, left.Why)
		if len(left.Examples) > 0 {
			fmt.Fprintf(w, " (such as %s)", strings.Join(left.Examples, ", "))
		}
		fmt.Fprintln(w)
	}
	if a.Suppressed > 0 {
		fmt.Fprintf(w, "warning: %s were counted and not logged, so clients may be missing\n", count(a.Suppressed, "more refusal"))
	}
	if a.Incomplete {
		fmt.Fprintln(w, "WARNING: THE RESULT IS INCOMPLETE. Too many different clients; read a part of the log at a time, and remove scanners from it.")
	}
	if draft.Empty() {
		fmt.Fprintln(w, "nothing to suggest")
		return
	}
	fmt.Fprintf(w, "suggested: %s, %s; review them\n", count(len(draft.Clients), "client"), count(len(draft.Rules), "rule"))
}
