package main

import (
	"encoding/json"
	"fmt"
	"io"

	"sallyport/internal/config"
)

// What several commands print is printed alike.

// printProblems prints each problem with its place and hint.
func printProblems(w io.Writer, problems config.Problems) {
	for _, p := range problems {
		fmt.Fprintln(w, p)
	}
}

// writeJSON prints for people who read JSON: what policies hold of < and & stays as it is.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
