package policy

import (
	"iter"
	"strings"
)

// nearest returns the candidate that word was probably meant to be, or "" if none is
// close: at most a third of the letters differ. Of equally close ones it is the first; one
// that only differs in capital letters is closest.
func nearest(word string, candidates iter.Seq[string]) string {
	best, bestDistance := "", (len(word)+1)/3+1
	for candidate := range candidates {
		if candidate != word && strings.EqualFold(candidate, word) {
			return candidate
		}
		if d := distance(word, candidate, bestDistance); d < bestDistance && d > 0 {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with a neighbour,
// or limit when it is not below it.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			differs := 1
			if a[i] == b[j] {
				differs = 0
			}
			row[j+1] = min(last[j]+differs, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
