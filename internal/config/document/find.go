package document

import "reflect"

type placed interface{ place() Table }

// Find returns where a struct that was decoded has the key called name: the
// element of its list, or for a negative element all of it; the struct itself for
// an empty name. It reports false for a name that the struct does not know; a
// list that is shorter is found as a whole. The table is a struct that embeds
// [Table], or a pointer to one.
func Find(table any, name string, element int) (Table, bool) {
	if name == "" {
		there, ok := table.(placed)
		if !ok {
			return Table{}, false
		}
		return there.place(), true
	}
	v := reflect.Indirect(reflect.ValueOf(table))
	for _, f := range fieldsOf(v.Type()) {
		if f.name != name || f.blank {
			continue
		}
		value := v.FieldByIndex(f.index).Interface()
		if list, ok := value.(List); ok && element >= 0 && element < len(list.Value) {
			return list.Value[element].place(), true
		}
		if there, ok := value.(placed); ok {
			return there.place(), true
		}
	}
	return Table{}, false
}
