package document

import "strings"

// Suggest returns the known word that word was most probably meant to be, or
// "" when none is near.
func Suggest(word string, known []string) string {
	const (
		shortest = 3  // everything is near to a word of two letters
		longest  = 64 // a longer word is no slip of the pen, and the work is quadratic
	)
	if len(word) < shortest || len(word) > longest {
		return ""
	}
	folded := fold(word)
	best, nearest := "", len(word)/3+1
	for _, k := range known {
		if d := distance(folded, fold(k)); d < nearest {
			best, nearest = k, d
		}
	}
	return best
}

// fold makes words equal that differ only in case or in how their parts are
// joined: certificate-key and certificate_key.
func fold(s string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(s))
}

// distance counts the letters to add, drop, change or swap with a neighbour to
// turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
