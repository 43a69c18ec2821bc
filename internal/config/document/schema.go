package document

import (
	"reflect"
	"strings"
)

// field is one key that a struct knows, read from its tags:
//
//	toml:"name"     the key
//	default:"text"  the value when the key is absent, as TOML would have it inside quotes
//	one:"true"      a List that also takes a single string
//	day:"true"      a time that is a whole day
//	forever:"word"  a duration that may also be this word, which means [Forever]
//	unit:"/s"       a text that begins with a number: what else is missing where it is one
//	list:"hint"     a text of which people expect that there may be several: what to write where it is a list
//	identity:"true" a value by which elements of a list of tables are told apart
//	later:"hint"    a key of the contract that is not supported yet; a blank
//	                field takes no value, a named one is decoded all the same
//	instead:"hint"  a key that does not exist but that people expect; on a blank field
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	fallback string
	one      bool
	day      bool
	forever  string
	unit     string
	list     string
	identity bool
	later    string
	instead  string
	blank    bool
}

// fieldsOf lists the keys of a struct, those of embedded structs included.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type != reflect.TypeFor[Table]() {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		name := f.Tag.Get("toml")
		if name == "" {
			continue
		}
		fields = append(fields, field{
			name:     name,
			index:    []int{i},
			typ:      f.Type,
			fallback: f.Tag.Get("default"),
			one:      f.Tag.Get("one") != "",
			day:      f.Tag.Get("day") != "",
			forever:  f.Tag.Get("forever"),
			unit:     f.Tag.Get("unit"),
			list:     f.Tag.Get("list"),
			identity: f.Tag.Get("identity") != "",
			later:    f.Tag.Get("later"),
			instead:  f.Tag.Get("instead"),
			blank:    f.Name == "_",
		})
	}
	return fields
}

// tableOf returns the struct behind a field that holds a table or a list of
// tables, or nil for a value.
func tableOf(t reflect.Type) reflect.Type {
	if t == reflect.TypeFor[Pairs]() {
		return nil
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isLocated(t) {
		return nil
	}
	return t
}

// isLocated tells a Located from a struct of keys: it has none.
func isLocated(t reflect.Type) bool { return len(fieldsOf(t)) == 0 }

// Key describes one key that a struct knows.
type Key struct {
	Path    string // dotted, without indexes: application.port.mode
	Default string
	Later   bool // not supported yet
	Table   bool // a table or a list of tables
}

// Keys lists every key that a document may hold which is decoded into a T.
func Keys[T any]() []Key { return keysOf(reflect.TypeFor[T](), "") }

func keysOf(t reflect.Type, path string) []Key {
	var keys []Key
	for _, f := range fieldsOf(t) {
		if f.instead != "" {
			continue
		}
		inner := tableOf(f.typ)
		k := Key{Path: join(path, f.name), Default: f.fallback, Later: f.later != "", Table: inner != nil}
		keys = append(keys, k)
		if inner != nil && !k.Later {
			keys = append(keys, keysOf(inner, k.Path)...)
		}
	}
	return keys
}

// homes maps the name of every key to the tables that know it, as headers.
func homes(t reflect.Type) map[string][]string {
	known := make(map[string][]string)
	collectHomes(t, "", "", known)
	return known
}

func collectHomes(t reflect.Type, path, header string, known map[string][]string) {
	for _, f := range fieldsOf(t) {
		if f.later != "" || f.instead != "" {
			continue
		}
		if header != "" {
			known[f.name] = append(known[f.name], header)
		}
		inner := tableOf(f.typ)
		if inner == nil {
			continue
		}
		below := strings.TrimPrefix(path+"."+f.name, ".")
		if f.typ.Kind() == reflect.Slice {
			collectHomes(inner, below, "[["+below+"]]", known)
		} else {
			collectHomes(inner, below, "["+below+"]", known)
		}
	}
}
