package document

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Decode fills the struct that into points to and returns every unknown key,
// every value of a wrong type and every key that is not supported yet, in file
// order. Fields are [Located] values of string, bool, int64, [time.Duration] or
// [time.Time], a [List], [Pairs], or structs, pointers to structs and slices of
// structs for tables and lists of tables. An empty string counts as a key that
// was left out. A value of a wrong type leaves the zero value with Set true.
//
// It panics on a struct whose fields or default tags are not of that form.
func (d *Document) Decode(into any) Problems {
	v := reflect.ValueOf(into).Elem()
	dec := decoder{homes: homes(v.Type()), schemas: make(map[reflect.Type]schema)}
	dec.table(d.root, v)
	dec.problems.Sort()
	return dec.problems
}

type decoder struct {
	homes    map[string][]string
	schemas  map[reflect.Type]schema
	problems Problems
}

// schema is what a struct knows. A file can hold a hundred thousand tables of
// one kind, so it is found out once.
type schema struct {
	fields []field
	known  map[string]bool
}

func (d *decoder) schema(t reflect.Type) schema {
	s, ok := d.schemas[t]
	if ok {
		return s
	}
	s = schema{fields: fieldsOf(t), known: make(map[string]bool)}
	for _, f := range s.fields {
		s.known[f.name] = true
	}
	d.schemas[t] = s
	return s
}

func (d *decoder) report(pos Position, key, message, hint string) {
	d.problems = append(d.problems, Problem{Pos: pos, Key: key, Message: message, Hint: hint})
}

// mistyped reports a value of the wrong type.
func (d *decoder) mistyped(n *node, wanted, hint string) {
	if n.wrong {
		return // and its type is a guess
	}
	d.report(n.pos, n.key, "expected "+wanted+", "+n.found(), hint)
}

// table fills a struct from a table.
func (d *decoder) table(n *node, v reflect.Value) {
	place(v, n)
	schema := d.schema(v.Type())
	for _, f := range schema.fields {
		child := n.member(f.name)
		switch {
		case child == nil:
		case f.later != "":
			d.report(child.named, child.key, "not yet supported", f.later)
		case f.instead != "":
			d.report(child.named, child.key, "unknown key", f.instead)
		}
		if f.blank {
			continue
		}
		if child == nil {
			d.absent(v.FieldByIndex(f.index), f, n)
			continue
		}
		d.value(child, v.FieldByIndex(f.index), f)
	}
	for _, child := range n.members {
		if !schema.known[child.name] {
			d.report(child.named, child.key, "unknown key", d.unknownHint(child.name, schema.fields))
		}
	}
}

// place notes where the table of a struct stands, if the struct wants to know.
func place(v reflect.Value, n *node) {
	if f := v.FieldByName("Table"); f.IsValid() {
		*f.Addr().Interface().(*Table) = Table{Pos: n.pos, Key: n.key, Set: true}
	}
}

// unknownHint finds what an unknown key was meant to be: a near word of the
// same table, or a key of another one.
func (d *decoder) unknownHint(name string, fields []field) string {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		if f.instead == "" {
			names = append(names, f.name)
		}
	}
	if near := Suggest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if at := d.homes[name]; len(at) > 0 {
		return fmt.Sprintf("%q belongs in %s", name, strings.Join(at, ", "))
	}
	return "known here: " + strings.Join(names, ", ")
}

// value fills one field from the value of its key.
func (d *decoder) value(n *node, v reflect.Value, f field) {
	switch to := v.Addr().Interface().(type) {
	case *Located[string]:
		d.text(n, to, f)
	case *Located[time.Duration]:
		d.duration(n, to, f)
	case *Located[bool]:
		d.boolean(n, to)
	case *Located[int64]:
		d.integer(n, to)
	case *Located[time.Time]:
		d.moment(n, to, f)
	case *List:
		d.list(n, to, f)
	case *Pairs:
		d.pairs(n, to)
	default:
		d.nested(n, v)
	}
}

// nested fills a table or a list of tables.
func (d *decoder) nested(n *node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		d.tables(n, v)
	case reflect.Pointer:
		if n.kind != kindTable {
			d.mistyped(n, "a table", "write ["+plain(n.key)+"] on a line of its own and its keys below")
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.table(n, v.Elem())
	default:
		if n.kind != kindTable {
			d.mistyped(n, "a table", "write ["+plain(n.key)+"] on a line of its own and its keys below")
			return
		}
		d.table(n, v)
	}
}

// tables fills a slice of structs from a list of tables.
func (d *decoder) tables(n *node, v reflect.Value) {
	if n.kind != kindArray {
		d.mistyped(n, "a list of tables", "write [["+plain(n.key)+"]], in double brackets, once for each of them")
		return
	}
	v.Grow(len(n.items)) // there may be thousands
	for _, item := range n.items {
		if item.kind != kindTable {
			d.mistyped(item, "a table", "")
			continue
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.table(item, element)
		v.Set(reflect.Append(v, element))
	}
}

// plain drops the indexes of a path: what a header would say.
func plain(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if key[i] == '[' {
			i += max(strings.IndexByte(key[i:], ']'), 0)
			continue
		}
		b.WriteByte(key[i])
	}
	return b.String()
}
