package document

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Forever is the duration of a key that may have a word instead of one.
const Forever = time.Duration(math.MinInt64)

// durationForm says how a duration is written.
func durationForm(f field) string {
	const form = `a duration such as "30s"`
	if f.forever == "" {
		return form
	}
	return fmt.Sprintf("%s, or %q", form, f.forever)
}

// at notes where a value was written; what it is comes after.
func at[T any](to *Located[T], n *node) {
	to.Pos, to.Key, to.Set = n.pos, n.key, true
}

func (d *decoder) text(n *node, to *Located[string], f field) {
	at(to, n)
	switch {
	case n.kind == kindString && n.text == "":
		to.Value, to.Set = f.fallback, false
	case n.kind == kindString:
		to.Value = n.text
	case f.unit != "" && n.kind == kindInteger:
		d.mistyped(n, "a string", fmt.Sprintf("write it in quotes, with its unit: %q", n.text+f.unit))
	case f.list != "" && n.kind == kindArray:
		d.mistyped(n, "a string", f.list)
	default:
		d.mistyped(n, "a string", quotesHint(n))
	}
}

// quotesHint is for what was meant to be a string.
func quotesHint(n *node) string {
	if n.kind == kindArray || n.kind == kindTable {
		return ""
	}
	return fmt.Sprintf(`write it in quotes: "%s"`, n.text)
}

func (d *decoder) duration(n *node, to *Located[time.Duration], f field) {
	at(to, n)
	if n.kind != kindString {
		hint := ""
		if n.kind == kindInteger {
			hint = unitHint(n.text)
		}
		d.mistyped(n, durationForm(f), hint)
		return
	}
	if n.text == "" {
		to.Value, to.Set = mustDuration(f), false
		return
	}
	if n.text == f.forever {
		to.Value = Forever
		return
	}
	value, err := time.ParseDuration(n.text)
	if err != nil {
		hint := `units are "ms", "s", "m" and "h", and can be joined: "1h30m"`
		if _, err := strconv.Atoi(n.text); err == nil {
			hint = unitHint(n.text)
		}
		d.mistyped(n, durationForm(f), hint)
		return
	}
	to.Value = value
}

func unitHint(number string) string {
	return fmt.Sprintf(`a number needs its unit: "%ss", or "%sms"`, number, number)
}

func (d *decoder) boolean(n *node, to *Located[bool]) {
	at(to, n)
	if n.kind != kindBool {
		hint := ""
		if n.text == "true" || n.text == "false" {
			hint = "write it without quotes"
		}
		d.mistyped(n, "true or false", hint)
		return
	}
	to.Value = n.text == "true"
}

func (d *decoder) integer(n *node, to *Located[int64]) {
	at(to, n)
	if n.kind != kindInteger {
		hint := ""
		if _, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			hint = "write it without quotes"
		}
		d.mistyped(n, "an integer", hint)
		return
	}
	value, err := strconv.ParseInt(n.text, 0, 64)
	if err != nil {
		d.mistyped(n, "an integer of 64 bits", "")
		return
	}
	to.Value = value
}

func (d *decoder) list(n *node, to *List, f field) {
	at(to, n)
	if f.one && n.kind == kindString {
		to.Set = n.text != ""
		to.Value = []Located[string]{} // somebody wrote something
		if to.Set {
			to.Value = []Located[string]{{Value: n.text, Pos: n.pos, Key: n.key, Set: true}}
		}
		return
	}
	if n.kind != kindArray {
		d.notList(n, f)
		return
	}
	to.Set = len(n.items) > 0
	to.Value = make([]Located[string], 0, len(n.items))
	for _, item := range n.items {
		if item.kind != kindString {
			d.mistyped(item, "a string", quotesHint(item))
			continue
		}
		if item.text == "" {
			d.report(item.pos, item.key, "empty", "remove it from the list")
			continue
		}
		to.Value = append(to.Value, Located[string]{Value: item.text, Pos: item.pos, Key: item.key, Set: true})
	}
}

func (d *decoder) notList(n *node, f field) {
	wanted, hint := "a list of strings", ""
	if f.one {
		wanted = "a string or a list of strings"
	}
	switch {
	case n.kind == kindString:
		hint = "write it in brackets: [" + quotedParts(n.text) + "]"
	case f.one && n.kind == kindInteger:
		hint = quotesHint(n)
	}
	d.mistyped(n, wanted, hint)
}

// quotedParts is a text as the elements of a list: what has commas is meant as several.
func quotedParts(text string) string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		parts = append(parts, strconv.Quote(strings.TrimSpace(part)))
	}
	if all := strings.Join(parts, ", "); len(all) <= 200 {
		return all
	}
	return quoteCut(text, 60)
}

func (d *decoder) pairs(n *node, to *Pairs) {
	if n.kind != kindTable {
		d.mistyped(n, "a table", `such as { name = "value" }`)
		return
	}
	for _, child := range n.members {
		pair := Pair{Name: Located[string]{Value: child.name, Pos: child.named, Key: child.key, Set: true}}
		d.text(child, &pair.Value, field{})
		*to = append(*to, pair)
	}
}

// absent gives the field of a missing key its default and the place of its
// table.
func (d *decoder) absent(v reflect.Value, f field, table *node) {
	pos, key := table.pos, join(table.key, f.name)
	switch to := v.Addr().Interface().(type) {
	case *Located[string]:
		*to = Located[string]{Value: f.fallback, Pos: pos, Key: key}
	case *Located[time.Duration]:
		*to = Located[time.Duration]{Value: mustDuration(f), Pos: pos, Key: key}
	case *Located[bool]:
		*to = Located[bool]{Value: f.fallback == "true", Pos: pos, Key: key}
	case *Located[int64]:
		*to = Located[int64]{Value: mustInteger(f), Pos: pos, Key: key}
	case *Located[time.Time]:
		*to = Located[time.Time]{Pos: pos, Key: key}
	case *List:
		*to = List{Pos: pos, Key: key}
	case *Pairs:
	default:
		if v.Kind() == reflect.Struct {
			empty := &node{kind: kindTable, key: key, pos: pos}
			d.table(empty, v)
			unset(v)
		}
	}
}

// unset marks a table as one that the file does not have.
func unset(v reflect.Value) {
	if f := v.FieldByName("Table"); f.IsValid() {
		f.Addr().Interface().(*Table).Set = false
	}
}

// mustDuration and mustInteger read default tags, which are part of the program.
func mustDuration(f field) time.Duration {
	if f.fallback == "" {
		return 0
	}
	value, err := time.ParseDuration(f.fallback)
	if err != nil {
		panic("document: default of " + f.name + ": " + err.Error())
	}
	return value
}

func mustInteger(f field) int64 {
	if f.fallback == "" {
		return 0
	}
	value, err := strconv.ParseInt(f.fallback, 10, 64)
	if err != nil {
		panic("document: default of " + f.name + ": " + err.Error())
	}
	return value
}
