package document

// Located is a value together with the place it was written at.
type Located[T any] struct {
	Value T

	// Pos is where the value stands. For a value that was left out it is where
	// its table begins, so that "missing" points at something.
	Pos Position

	// Key is the full dotted path, for example application[0].port[1].mode.
	Key string

	// Set tells whether the file says it. Otherwise Value is the default.
	Set bool
}

// Problem returns an error about the value.
func (l Located[T]) Problem(message, hint string) Problem {
	return Problem{Pos: l.Pos, Key: l.Key, Message: message, Hint: hint}
}

// Warning returns a warning about the value.
func (l Located[T]) Warning(message, hint string) Problem {
	return Problem{Pos: l.Pos, Key: l.Key, Message: message, Hint: hint, Warning: true}
}

// place returns where the value stands.
func (l Located[T]) place() Table { return At(l, struct{}{}) }

// At returns value at the place of l: the result of turning a raw value into
// a better one.
func At[T, R any](l Located[R], value T) Located[T] {
	return Located[T]{Value: value, Pos: l.Pos, Key: l.Key, Set: l.Set}
}

// List is a list of strings. A field with the tag `one:"true"` also takes a
// single string. Set is false for an empty list as for one that was left out,
// but only the Value of the latter is nil.
type List = Located[[]Located[string]]

// Table is embedded into a struct to learn where its table was written.
type Table = Located[struct{}]

// Pair is one key of a table whose keys are free, with its value.
type Pair struct {
	Name  Located[string]
	Value Located[string]
}

// Pairs is a table with free keys, in file order.
type Pairs []Pair
