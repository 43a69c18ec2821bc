package ruleset

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// renderRule writes a rule about as nft lists it for people.
func renderRule(statements []any) string {
	var parts []string
	for _, s := range statements {
		if body := member(s, "match"); body != nil {
			parts = append(parts, renderMatch(body))
			continue
		}
		parts = append(parts, render(s))
	}
	return strings.Join(parts, " ")
}

func renderMatch(body any) string {
	op := text(body, "op")
	if op == "==" || op == "in" {
		op = ""
	}
	left, right := render(member(body, "left")), render(member(body, "right"))
	return strings.Join(strings.Fields(left+" "+op+" "+right), " ")
}

// render writes a value or a statement.
func render(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		return renderAll(v, ", ")
	case map[string]any:
		if key, body, ok := only(v); ok {
			return renderOnly(key, body)
		}
		return renderMembers(v)
	default:
		return fmt.Sprint(v)
	}
}

func renderAll(list []any, separator string) string {
	const most = 8 // the rest is left to those who list the ruleset
	var parts []string
	for i, one := range list {
		if i == most && len(list) > most+1 {
			parts = append(parts, "…")
			break
		}
		if pair, isPair := one.([]any); isPair {
			one = map[string]any{":": pair}
		}
		parts = append(parts, render(one))
	}
	return strings.Join(parts, separator)
}

// renderOnly writes an object with one member.
func renderOnly(key string, body any) string {
	list, _ := body.([]any)
	switch key {
	case "payload":
		return strings.TrimSpace(text(body, "protocol") + " " + text(body, "field"))
	case "meta", "socket", "rt":
		return key + " " + text(body, "key")
	case "ct":
		return strings.Join(strings.Fields("ct "+text(body, "dir")+" "+text(body, "key")), " ")
	case "fib":
		return "fib " + strings.ReplaceAll(render(member(body, "flags")), ", ", " . ") + " " + text(body, "result")
	case "prefix":
		return fmt.Sprintf("%s/%s", text(body, "addr"), render(member(body, "len")))
	case "range":
		return renderAll(list, "-")
	case "concat":
		return renderAll(list, " . ")
	case ":":
		return renderAll(list, " : ")
	case "set":
		if list != nil {
			return "{ " + renderAll(list, ", ") + " }"
		}
		return renderUpdate(body)
	case "elem":
		return render(member(body, "val"))
	case "&", "|":
		return "(" + renderAll(list, " "+key+" ") + ")"
	case "vmap":
		return render(member(body, "key")) + " vmap " + render(member(body, "data"))
	case "jump", "goto":
		return key + " " + text(body, "target")
	case "log":
		members, _ := body.(map[string]any)
		return strings.TrimSpace(key + " " + renderMembers(members))
	case "limit":
		return renderLimit(body)
	case "counter": // its values change all the time
		return key
	case "reject":
		return strings.TrimSpace("reject " + strings.Join(strings.Fields(text(body, "type")+" "+text(body, "expr")), " "))
	default:
		return strings.TrimSpace(key + " " + render(body))
	}
}

func renderLimit(body any) string {
	if choice := member(body, "map"); choice != nil {
		return "limit name " + render(member(choice, "key")) + " map " + render(member(choice, "data"))
	}
	if member(body, "rate") == nil || member(body, "per") == nil {
		return strings.TrimSpace("limit " + render(body))
	}
	limit := "limit rate "
	if over, _ := member(body, "inv").(bool); over {
		limit += "over "
	}
	limit += render(member(body, "rate")) + "/" + render(member(body, "per"))
	if burst := render(member(body, "burst")); burst != "" {
		limit += " burst " + burst
	}
	return limit
}

func renderUpdate(body any) string {
	statements, _ := member(body, "stmt").([]any)
	parts := []string{text(body, "op"), text(body, "set"), "{", render(member(body, "elem")), renderAll(statements, " "), "}"}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// renderMembers writes the members of an object in the order of their names.
func renderMembers(object map[string]any) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(object)) {
		parts = append(parts, strings.TrimSpace(key+" "+render(object[key])))
	}
	return strings.Join(parts, " ")
}
