package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport/policy"
)

func TestPolicyHashIsThatOfTheContent(t *testing.T) {
	const a, b = "[[client]]\nname = 'a'\naddresses = ['10.0.0.1', '10.0.0.2']\n[defaults]\n", "[[allow]]\nid = 'r'\nfrom = ['a', 'any']\n"
	want := parsePolicy(t, a, b).Hash
	if len(want) != 64 {
		t.Fatalf("hash = %q", want)
	}
	for name, texts := range map[string][]string{
		"the other order of files":          {b, a},
		"one file":                          {a + b},
		"more files":                        {a, "# nothing\n", b},
		"comments and layout":               {"# x\n\n" + a, strings.ReplaceAll(b, " = ", "=")},
		"the other order of keys and lists": {"[[client]]\naddresses = ['10.0.0.2', '10.0.0.1']\nname = 'a'\n[defaults]\n", "[[allow]]\nfrom = ['any', 'a']\nid = 'r'\n"},
		"the other way to write it":         {"[[client]]\nname = \"a\"\naddresses = ['10.0.0.1/32', '10.0.0.2/32']\n[defaults]\n", b},
		"a default that is written out":     {a + "rate = '100/s'\n", b + "tls = 'required'\n"},
	} {
		if got := parsePolicy(t, texts...).Hash; got != want {
			t.Errorf("%s changes the hash", name)
		}
	}
	if files, _ := ParsePolicy([]NamedData{{"a.toml", []byte(a + "x = 1\n")}}); files.Hash != "" {
		t.Errorf("with errors the hash is %q", files.Hash)
	}
}

// Whatever field of a source changes, the hash does. The ports are not part of
// it, and the ephemeral range is not in any file.
func TestPolicyHashSeesEveryField(t *testing.T) {
	before := everyPolicyValue()
	want := hashOf(&before)
	fields := 0
	for range 1000 {
		src := everyPolicyValue()
		path := change(reflect.ValueOf(&src).Elem(), "Source", &fieldCounter{at: fields})
		if path == "" {
			break
		}
		fields++
		if hashOf(&src) == want {
			t.Errorf("%s is not part of the hash", path)
		}
	}
	if fields < 45 {
		t.Errorf("only %d fields were changed", fields)
	}
}

// fieldCounter counts down to the field to change.
type fieldCounter struct{ at int }

// change changes the field at the counter and returns its path.
func change(v reflect.Value, path string, counter *fieldCounter) string {
	switch value := v.Interface().(type) {
	case netip.Prefix, netip.AddrPort, time.Time:
		return set(v, other(value), path, counter)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Type() == reflect.TypeFor[policy.Source]() && (name == "Ports" || name == "Ephemeral") {
				continue
			}
			if changed := change(v.Field(i), path+"."+name, counter); changed != "" {
				return changed
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if changed := change(v.Index(i), path+"[]", counter); changed != "" {
				return changed
			}
		}
	default:
		return set(v, other(v.Interface()), path, counter)
	}
	return ""
}

func set(v, to reflect.Value, path string, counter *fieldCounter) string {
	if counter.at > 0 {
		counter.at--
		return ""
	}
	v.Set(to.Convert(v.Type()))
	return path
}

// other returns another value of the same type.
func other(value any) reflect.Value {
	switch value := value.(type) {
	case netip.Prefix:
		return reflect.ValueOf(netip.MustParsePrefix("192.0.2.0/24"))
	case netip.AddrPort:
		return reflect.ValueOf(netip.AddrPortFrom(value.Addr(), value.Port()+1))
	case time.Time:
		return reflect.ValueOf(value.AddDate(0, 0, 1))
	case time.Duration:
		if value == time.Second {
			return reflect.ValueOf(time.Minute)
		}
		return reflect.ValueOf(time.Second) // a rate has one of three
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		return reflect.ValueOf(v.String() + "x")
	case reflect.Bool:
		return reflect.ValueOf(!v.Bool())
	case reflect.Uint8, reflect.Uint16:
		return reflect.ValueOf(v.Uint() - 1)
	default:
		return reflect.ValueOf(v.Int() + 1)
	}
}
