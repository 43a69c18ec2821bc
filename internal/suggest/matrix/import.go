// Package matrix turns port matrices, the spreadsheets of firewall teams, into drafts of policies.
//
// A draft allows what the rows of a matrix say and nothing else. What a row says beyond that, or in a way that could be read as
// less or more, is listed and not guessed at: every row is placed, listed, or both in part.
package matrix

import (
	"net/netip"
	"slices"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// Import is what rows are understood with.
type Import struct {
	Ports []Port

	// Columns are the fields of columns by their names in the header, where those say nothing by themselves, or something else.
	Columns []Column

	// Order is that of days and months in dates like 03/04/2026, which are refused without it.
	Order DateOrder

	// Names are the addresses of names that stand in cells, lower case. No others are looked up.
	Names map[string][]netip.Addr

	// Beside is the policy beside which the draft is to be valid; nil if it is to be one by itself.
	Beside *policy.Source
}

// Port is a port of the configuration that rows can lead to.
type Port struct {
	policy.Port

	// At is where clients connect to it. An invalid address stands for every one of both families, an unspecified one for every
	// one of its family.
	At []netip.AddrPort

	// Balancers are the addresses that connect to it if PROXY headers name the clients.
	Balancers []netip.Prefix
}

// The most that one row, and all of them, may stand for: source addresses times ports. It is far beyond what people review.
const (
	mostOfRow = 100_000
	mostOfAll = 10_000_000
)

// Read makes a draft of a matrix in CSV. The name is that of the file, for the places of what is wrong. The error is about the file as a whole; what
// is wrong with its rows is in the draft.
func (im *Import) Read(name string, data []byte) (*Draft, error) {
	text, encoding, err := decode(data)
	if err != nil {
		return nil, &Problem{File: name, Line: 1, Column: 1, Message: err.Error(), Hint: "save it as CSV in UTF-8"}
	}
	t, err := im.open(name, text)
	if err != nil {
		return nil, err
	}
	b := newBuilder(im, name)
	b.draft.Notes = append(encoding, t.notes()...)
	b.draft.Account.Titles = t.titles
	for {
		rec, err := t.next()
		switch {
		case err != nil:
			return nil, err
		case rec == nil:
			return b.finish(), nil
		case rec.blank():
			b.draft.Account.Blank++
		case slices.Equal(rec.texts, t.header):
			b.draft.Account.Titles++
		default:
			b.add(rec)
		}
	}
}

// builder collects what rows say.
type builder struct {
	*Import
	name    string // of the file
	draft   *Draft
	places  *places
	groups  []*group
	byKey   map[groupKey]*group
	denials []denial

	permitted int // rows
	size      int // of what they let pass: source addresses times ports
}

func newBuilder(im *Import, name string) *builder {
	return &builder{
		Import: im, name: name, draft: &Draft{},
		places: newPlaces(im.Ports),
		byKey:  make(map[groupKey]*group),
	}
}

// add places a row, or lists what is in the way of that.
func (b *builder) add(rec *record) {
	b.draft.Account.Rows++
	r := &row{builder: b, record: rec}
	placed := false
	if r.implied() {
		placed = true
		b.draft.implied = append(b.draft.implied, rec.line)
	} else {
		placed = r.understand() && r.place()
	}
	switch {
	case !placed:
		b.draft.Account.Left++
	case len(r.parts) > 0:
		b.draft.Account.Part++
	default:
		b.draft.Account.Placed++
	}
	b.draft.Left = append(append(b.draft.Left, r.problems...), r.parts...)
}

// finish makes clients, rules and blocks of what was collected.
func (b *builder) finish() *Draft {
	names, ids := draft.NamesIn(b.Beside)
	c := &clients{draft: b.draft, names: names, known: make(map[string]string)}
	for _, g := range b.groups {
		g.rules(c, ids, b.Ports)
	}
	b.blocks(ids)
	slices.SortStableFunc(b.draft.Left, func(x, y Problem) int { return x.compare(&y) })
	return b.draft
}
