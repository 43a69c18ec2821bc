package matrix

import "sallyport/policy"

// Draft is the part of a policy that a matrix says.
type Draft struct {
	Clients []policy.Client
	Rules   []policy.Rule
	Blocks  []policy.Block

	// Left is what could not be placed, in the order of the file. Several problems may be of one row.
	Left []Problem

	Account Account

	// Notes is what a reader has to know of how the file was read, one sentence each.
	Notes []string

	rules   []ruleNote  // for each of Rules
	blocks  []blockNote // for each of Blocks
	implied []int       // lines that say what every policy does
}

// Account says what became of the lines of a matrix.
type Account struct {
	Rows   int // the sum of the next three
	Placed int
	Part   int // placed, and something in them was not
	Left   int // not placed

	Titles int // lines above the header, and headers that came again
	Blank  int
}

// ruleNote is what is known of a rule beside its definition.
type ruleNote struct {
	origin
	more    bool     // it is of the same rows as the rule before
	divided []string // clients that became several, and whose bounds count for each
}

// blockNote is what is known of a block beside its definition.
type blockNote struct {
	origin
	owner, ticket string // which a block has no place for
}

// Lines returns the lines of the matrix that something of the draft was made of, once for each rule or block.
func (d *Draft) Lines() []int {
	lines := append([]int(nil), d.implied...)
	for i := range d.rules {
		lines = append(lines, d.rules[i].lines...)
	}
	for i := range d.blocks {
		lines = append(lines, d.blocks[i].lines...)
	}
	return lines
}

// Complete reports whether everything was placed.
func (d *Draft) Complete() bool { return len(d.Left) == 0 }
