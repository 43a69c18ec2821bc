package document

import (
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Outline is what one table of a file says, without where it says it: two versions of a file are compared by it.
type Outline struct {
	Key    string    // of the table in the one above; empty for the file
	Name   string    // of an element of a list of tables
	Values []Setting // what is written, in the order of the schema
	Tables []Outline // that are written, or cannot be left out

	// Defaults has what keys without a value stand for. It is shared and must not be changed.
	Defaults map[string]string
}

// Setting is a key with its value in words.
type Setting struct {
	Key   string
	Text  string
	Items []string // of a list, instead of Text
}

// OutlineOf returns the outline of a struct that was decoded. An element of a list of tables is named by
// its key with the tag identity, the first of them if that is a list.
func OutlineOf(decoded any) Outline {
	o := outliner{fields: make(map[reflect.Type][]field), defaults: make(map[reflect.Type]map[string]string)}
	return o.table("", reflect.ValueOf(decoded).Elem())
}

// outliner knows what was found out about the structs: a file can hold ten thousand tables of one kind.
type outliner struct {
	fields   map[reflect.Type][]field
	defaults map[reflect.Type]map[string]string
}

func (o *outliner) schema(t reflect.Type) []field {
	fields, ok := o.fields[t]
	if ok {
		return fields
	}
	defaults := make(map[string]string)
	for _, f := range fieldsOf(t) {
		if f.blank {
			continue
		}
		fields = append(fields, f)
		if f.fallback != "" {
			defaults[f.name] = fallbackText(f)
		}
	}
	o.fields[t], o.defaults[t] = fields, defaults
	return fields
}

func (o *outliner) table(key string, v reflect.Value) Outline {
	fields := o.schema(v.Type())
	out := Outline{Key: key, Defaults: o.defaults[v.Type()]}
	for _, f := range fields {
		if s, ok := settingOf(f, v.FieldByIndex(f.index)); ok {
			if f.identity {
				out.Name = s.name()
			}
			out.Values = append(out.Values, s)
			continue
		}
		o.nested(&out, f, v.FieldByIndex(f.index))
	}
	return out
}

// nested adds the tables of one key.
func (o *outliner) nested(out *Outline, f field, v reflect.Value) {
	if pairs, ok := v.Interface().(Pairs); ok {
		out.Tables = append(out.Tables, pairsOutline(f.name, pairs))
		return
	}
	if tableOf(f.typ) == nil {
		return // a value that is not written
	}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			element := o.table(f.name, v.Index(i))
			if element.Name == "" {
				element.Name = strconv.Itoa(i)
			}
			out.Tables = append(out.Tables, element)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Tables = append(out.Tables, o.table(f.name, v.Elem()))
		}
	default:
		out.Tables = append(out.Tables, o.table(f.name, v))
	}
}

func pairsOutline(key string, pairs Pairs) Outline {
	out := Outline{Key: key}
	for _, p := range pairs {
		out.Values = append(out.Values, Setting{Key: p.Name.Value, Text: Word(p.Value.Value)})
	}
	return out
}

// settingOf returns the value of a field. It reports false for a table and for what is not written.
func settingOf(f field, v reflect.Value) (s Setting, written bool) {
	s.Key = f.name
	switch value := v.Addr().Interface().(type) {
	case *Located[string]:
		s.Text, written = Word(value.Value), value.Set
	case *Located[bool]:
		s.Text, written = strconv.FormatBool(value.Value), value.Set
	case *Located[int64]:
		s.Text, written = strconv.FormatInt(value.Value, 10), value.Set
	case *Located[time.Duration]:
		s.Text, written = durationText(value.Value, f), value.Set
	case *Located[time.Time]:
		s.Text, written = value.Value.Format(time.RFC3339), value.Set
	case *List:
		for _, item := range value.Value {
			s.Items = append(s.Items, Word(item.Value))
		}
		written = value.Set
	}
	return s, written
}

func (s Setting) name() string {
	if len(s.Items) > 0 {
		return s.Items[0]
	}
	return s.Text
}

// fallbackText writes a default as its value would be written.
func fallbackText(f field) string {
	if f.typ == reflect.TypeFor[Located[time.Duration]]() {
		return durationText(mustDuration(f), f)
	}
	return Word(f.fallback)
}

// durationText writes a duration as people do: 1h, not 1h0m0s.
func durationText(d time.Duration, f field) string {
	if d == Forever {
		return f.forever
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Word writes a value for people: bare where it cannot be mistaken, otherwise in quotes.
func Word(s string) string {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'`,;|", r) }
	if s == "" || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}
