package main

import "sallyport/internal/config"

// texts returns each problem in words, with its place and hint.
func texts(problems config.Problems) []string {
	var list []string
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

// warningTexts returns the warnings, those apart that the passing of time brings: the log has them once when they
// are due, and not again at every reload.
func warningTexts(problems config.Problems) (lasting, passing []string) {
	for _, p := range problems.Warnings() {
		if p.Passing {
			passing = append(passing, p.String())
		} else {
			lasting = append(lasting, p.String())
		}
	}
	return lasting, passing
}
