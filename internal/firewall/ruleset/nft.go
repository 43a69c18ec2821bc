package ruleset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// nftReader reads the JSON of libnftables.
type nftReader struct {
	file   string
	data   []byte
	tables map[[2]string]*Table
	rules  Ruleset
	start  int64 // offset of the document
	at     int64 // offset of the object that is read
}

// readNft reads what nft -j list ruleset printed, from an offset on.
func readNft(name string, data []byte, start int) (*Ruleset, error) {
	r := nftReader{file: name, data: data, tables: make(map[[2]string]*Table), start: int64(start), at: int64(start)}
	if err := r.objects(); err != nil {
		return nil, r.fault(err)
	}
	for _, t := range r.rules.Tables {
		if err := t.link(); err != nil {
			return nil, r.fault(fmt.Errorf("table %s: %w", plain(t.Name), err))
		}
	}
	r.rules.number()
	return &r.rules, nil
}

// fault gives an error its place.
func (r *nftReader) fault(err error) error {
	at := r.at
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && errors.As(json.Unmarshal(r.data[r.start:], &struct{}{}), &syntax) { // a decoder's offsets are not those of the file
		at = r.start + syntax.Offset - 1
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return faultAt(r.file, r.data, int64(len(r.data)), "it ends in the middle", "the whole output of nft -j list ruleset is needed")
	}
	return faultAt(r.file, r.data, at, err.Error(), "it has to be what nft -j list ruleset prints")
}

// objects walks through {"nftables": [ ... ]}.
func (r *nftReader) objects() error {
	d := json.NewDecoder(bytes.NewReader(r.data[r.start:]))
	if err := expect(d, json.Delim('{'), "nftables", json.Delim('[')); err != nil {
		return err
	}
	for d.More() {
		r.at = r.start + d.InputOffset()
		for r.at < int64(len(r.data)) && bytes.IndexByte([]byte(", \t\r\n"), r.data[r.at]) >= 0 {
			r.at++
		}
		var item map[string]json.RawMessage
		if err := d.Decode(&item); err != nil {
			return err
		}
		if err := r.object(item); err != nil {
			return err
		}
	}
	return expect(d, json.Delim(']'), json.Delim('}'))
}

func expect(d *json.Decoder, tokens ...json.Token) error {
	for _, want := range tokens {
		got, err := d.Token()
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("expected %q, found %q", fmt.Sprint(want), fmt.Sprint(got))
		}
	}
	return nil
}

// object reads one of {"table": ...}, {"chain": ...}, ... Of several in one, which nft never writes, the order must not be
// that of a map: what is read depends on what was before.
func (r *nftReader) object(item map[string]json.RawMessage) error {
	for _, kind := range slices.Sorted(maps.Keys(item)) {
		data := item[kind]
		var err error
		switch kind {
		case "table":
			err = r.table(data)
		case "chain":
			err = r.chain(data)
		case "set", "map":
			err = r.set(data)
		case "limit":
			err = r.limit(data)
		case "rule":
			err = r.rule(data)
		}
		if err != nil { // other objects (counters, flow tables, helpers) decide nothing by themselves
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func (r *nftReader) table(data []byte) error {
	var t struct{ Family, Name, Comment string }
	if err := json.Unmarshal(data, &t); err != nil {
		return err
	}
	key := [2]string{t.Family, t.Name}
	if r.tables[key] != nil {
		return fmt.Errorf("there are two tables %s %q", t.Family, t.Name)
	}
	table := &Table{Family: Family(t.Family), Name: t.Name, Comment: t.Comment}
	r.tables[key] = table
	r.rules.Tables = append(r.rules.Tables, table)
	return nil
}

// in returns the table that an object says it belongs to.
func (r *nftReader) in(family, name string) (*Table, error) {
	if t := r.tables[[2]string{family, name}]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("it is of table %s %q, which was not listed before", family, name)
}

func (r *nftReader) chain(data []byte) error {
	var c struct {
		Family, Table, Name, Type, Hook, Policy string
		Prio                                    int
		Dev                                     any // a name, or several
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	t, err := r.in(c.Family, c.Table)
	if err != nil {
		return err
	}
	chain := &Chain{Name: c.Name, Hook: c.Hook, Kind: c.Type, Priority: c.Prio, policy: verdict{action: accept}}
	if c.Dev != nil {
		chain.Device = render(c.Dev)
	}
	switch c.Policy {
	case "drop":
		chain.policy.action = drop
	case "", "accept":
	default:
		return fmt.Errorf("%q is no policy: it is accept or drop", c.Policy)
	}
	if !t.addChain(chain) {
		return fmt.Errorf("there are two chains %q", c.Name)
	}
	return nil
}

func (r *nftReader) set(data []byte) error {
	var s struct {
		Family, Table, Name, Comment string
		Elem                         []any
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	t, err := r.in(s.Family, s.Table)
	if err != nil {
		return err
	}
	set := &Set{Name: s.Name, Comment: s.Comment, elements: make([]element, 0, len(s.Elem))}
	for i, value := range s.Elem {
		e, err := elementOf(value)
		if err != nil {
			return fmt.Errorf("%q, element %d: %w", s.Name, i, err)
		}
		set.elements = append(set.elements, e)
	}
	if !t.addSet(set) {
		return fmt.Errorf("there are two sets %q", s.Name)
	}
	return nil
}

// limit keeps of a limit that rules share whether they hold beyond it or within it.
func (r *nftReader) limit(data []byte) error {
	var l struct {
		Family, Table, Name string
		Inv                 bool
	}
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	t, err := r.in(l.Family, l.Table)
	if err != nil {
		return err
	}
	if t.limits == nil {
		t.limits = make(map[string]bool)
	}
	t.limits[l.Name] = l.Inv
	return nil
}

func (r *nftReader) rule(data []byte) error {
	var n struct {
		Family, Table, Chain, Comment string
		Handle                        uint64
		Expr                          []any
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	t, err := r.in(n.Family, n.Table)
	if err != nil {
		return err
	}
	c := t.chain(n.Chain)
	if c == nil {
		return fmt.Errorf("it is of chain %q, which was not listed before", n.Chain)
	}
	rule := &Rule{Handle: n.Handle, Comment: n.Comment, Text: renderRule(n.Expr)}
	e := expression{table: t, rule: rule}
	for _, statement := range n.Expr {
		if err := e.statement(statement); err != nil {
			return fmt.Errorf("handle %d: %w", n.Handle, err)
		}
	}
	c.Rules = append(c.Rules, rule)
	return nil
}
