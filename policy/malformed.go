package policy

// Malformed is the error of all parsers of this package.
type Malformed struct {
	Problem string // what is wrong, with the text quoted
	Hint    string // how to write it; may be empty
}

func (m *Malformed) Error() string { return m.Problem }

// malformed returns an error about text.
func malformed(text, problem, hint string) error {
	return &Malformed{Problem: quoted(text) + " " + problem, Hint: hint}
}
