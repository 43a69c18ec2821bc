package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config/document"
)

const diffBase = `
[host]
certificate = "host.pem"
trusted_ca = "ca.pem"
client_auth = "none"
[limits]
idle_timeout = "1h"
[[application]]
name = "a"
upstream.primary = "127.0.0.1:2020"
[[application.port]]
id = "p"
listen = "127.0.0.1:2021"
mode = "secure"
[[application.port]]
id = "q"
listen = "127.0.0.1:2022"
mode = "auto-detect"
client_auth = "request"
alpn = ["h2", "postgresql"]
  [[application.port.sni]]
  names = ["x.example.com"]
  certificate = "x.pem"
`

func TestDiff(t *testing.T) {
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(diffBase) }
	tests := []struct {
		name string
		new  string
		want []Change
	}{
		{"nothing", diffBase, nil},
		{"a comment and a default that is written", "# new\n" + diffBase + "[admin]\n[reload]\nwatch = true\n", nil},
		{"a limit", replace(`"1h"`, `"90m"`), []Change{{"", "limits.idle_timeout: 1h is now 1h30m"}}},
		{"a default left", diffBase + "[reload]\nwatch = false\n", []Change{{"", "reload.watch: true is now false"}}},
		{"back to the default", replace(`idle_timeout = "1h"`, ""), nil},
		{"without a default", replace("[host]", "[host]\nname = \"cti east\""), []Change{{"", `host.name: set to "cti east"`}}},
		{"a free key", diffBase + "[log]\nfilter = { sni = \"hide\" }\n", []Change{{"", "log.filter.sni: set to hide"}}},
		{"the mode and address of a port", replace(`"auto-detect"`, `"secure"`, "2022", "2023"), []Change{
			{"a/q", "port a/q: listen: 127.0.0.1:2022 is now 127.0.0.1:2023"},
			{"a/q", "port a/q: mode: auto-detect is now secure"},
		}},
		{"a flag of the host counts for ports without their own", replace(`"none"`, `"require"`), []Change{
			{"", "host.client_auth: none is now require"},
			{"a/p", "port a/p: client_auth: none is now require"},
		}},
		{"a flag of the application", replace(`name = "a"`, "name = \"a\"\ntls_profile = \"modern\""), []Change{
			{"", "application a: tls_profile: inherited is now modern"},
			{"a/p", "port a/p: tls_profile: intermediate is now modern"},
			{"a/q", "port a/q: tls_profile: intermediate is now modern"},
		}},
		{"a list", replace(`["h2", "postgresql"]`, `["h2", "mqtt"]`), []Change{{"a/q", "port a/q: alpn: mqtt added, postgresql removed"}}},
		{"the order of a list", replace(`["h2", "postgresql"]`, `["postgresql", "h2"]`), []Change{{"a/q", "port a/q: alpn: the order is now postgresql, h2"}}},
		{"the upstream", replace("2020", "2019"), []Change{{"", "application a: upstream.primary: 127.0.0.1:2020 is now 127.0.0.1:2019"}}},
		{"TLS to the upstream", replace("[[application.port]]\nid = \"p\"", "[application.upstream.tls]\nserver_name = \"s\"\n[[application.port]]\nid = \"p\""), []Change{
			{"", "application a: upstream.tls added: server_name s"},
		}},
		{"a backup", replace(`"127.0.0.1:2020"`, "\"127.0.0.1:2020\"\nupstream.backup = \"127.0.0.1:3020\"\nupstream.standby = \"hot\"\nupstream.failback_hold = \"1m\""), []Change{
			{"", "application a: upstream.backup: set to 127.0.0.1:3020"},
			{"", "application a: upstream.standby: warm is now hot"},
			{"", "application a: upstream.failback_hold: 30s is now 1m"},
		}},
		{"servers in parallel", replace(`primary = "127.0.0.1:2020"`, `parallel = ["127.0.0.1:2020", "127.0.0.1:2019"]`), []Change{
			{"", "application a: upstream.parallel: 127.0.0.1:2020, 127.0.0.1:2019 added"},
			{"", "application a: upstream.primary: 127.0.0.1:2020 removed"},
		}},
		{"checks of the default", replace(`"127.0.0.1:2020"`, "\"127.0.0.1:2020\"\nupstream.health = {}"), []Change{
			{"", "application a: upstream.health added"},
		}},
		{"a source", replace(`"127.0.0.1:2020"`, "\"127.0.0.1:2020\"\nupstream.source = { ports = \"20001-20004, 20011\", wait = \"5s\" }"), []Change{
			{"", `application a: upstream.source added: ports "20001-20004, 20011", wait 5s`},
		}},
		{"a server name", replace(`"x.pem"`, `"y.pem"`), []Change{{"a/q", "port a/q: sni x.example.com: certificate: x.pem is now y.pem"}}},
		{"a port less, another in its place", replace(`id = "p"`, `id = "n"`), []Change{
			{"a/p", "port a/p removed"},
			{"a/n", "port a/n added: listen 127.0.0.1:2021, mode secure"},
		}},
		{"another application", diffBase + "[[application]]\nname = \"b\"\nupstream.primary = \"builtin:echo\"\n[[application.port]]\nid = \"p\"\nlisten = \"127.0.0.1:2030\"\nmode = \"plaintext\"\n", []Change{
			{"", "application b added"},
			{"", "application b: upstream added: primary builtin:echo"},
			{"b/p", "port b/p added: listen 127.0.0.1:2030, mode plaintext"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Diff(mustParse(t, diffBase), mustParse(t, tt.new))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Source ports and checks are compared key by key.
func TestDiffOfSource(t *testing.T) {
	base := strings.Replace(diffBase, `"127.0.0.1:2020"`,
		`"a:1"
[application.upstream.source]
address = "10.2.0.5"
ports = "20001-20004"
[application.upstream.health]`, 1)
	changed := strings.NewReplacer(`"10.2.0.5"`, `["10.2.0.5", "2001:db8::5"]`, `"20001-20004"`, `["20001-20004", "20011"]
wait = "5s"
health_ports = "20021"`, "[application.upstream.health]", "[application.upstream.health]\nfall = 5").Replace(base)
	want := []Change{
		{"", "application a: upstream.health.fall: 3 is now 5"},
		{"", "application a: upstream.source.address: 2001:db8::5 added"},
		{"", "application a: upstream.source.ports: 20011 added"},
		{"", "application a: upstream.source.health_ports: set to 20021"},
		{"", "application a: upstream.source.wait: 2s is now 5s"},
	}
	if diff := cmp.Diff(want, Diff(mustParse(t, base), mustParse(t, changed))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, problems := Parse("config.toml", []byte(text))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	return cfg
}

// A key that is added later is compared without anybody thinking of it.
func TestDiffComparesEveryKey(t *testing.T) {
	var base rawFile
	fill(reflect.ValueOf(&base).Elem())
	compared := 0
	for _, leaf := range leaves(reflect.ValueOf(&base).Elem(), nil) {
		var other rawFile
		fill(reflect.ValueOf(&other).Elem())
		key := alter(t, reflect.ValueOf(&other).Elem(), leaf)
		changes := Diff(&Config{Written: outline(&base)}, &Config{Written: outline(&other)})
		if len(changes) == 0 {
			t.Errorf("%s: another value is no difference", key)
		}
		compared++
	}
	values := 0
	for _, k := range document.Keys[rawFile]() {
		if !k.Table && !k.Later {
			values++
		}
	}
	if compared < values {
		t.Errorf("%d values were altered, and there are %d keys", compared, values)
	}
}

// fill gives a struct all tables that it can have, once.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Name == "_" || f.Type() == reflect.TypeFor[document.Pairs]() {
			continue
		}
		switch f.Kind() {
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			fill(f.Index(0))
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
			fill(f.Elem())
		case reflect.Struct:
			if !isValue(f.Type()) {
				fill(f)
			}
		}
	}
}

func isValue(t reflect.Type) bool { return strings.HasPrefix(t.Name(), "Located[") }

// leaves returns the way to every value inside a struct that is filled.
func leaves(v reflect.Value, way []int) (all [][]int) {
	for i := range v.NumField() {
		f, here := v.Field(i), append(append([]int{}, way...), i)
		switch {
		case v.Type().Field(i).Name == "_", f.Type() == reflect.TypeFor[document.Table]():
		case f.Type() == reflect.TypeFor[document.Pairs]():
			all = append(all, here)
		case f.Kind() == reflect.Slice:
			all = append(all, leaves(f.Index(0), here)...)
		case f.Kind() == reflect.Pointer:
			all = append(all, leaves(f.Elem(), here)...)
		case f.Kind() == reflect.Struct:
			if isValue(f.Type()) {
				all = append(all, here)
			} else {
				all = append(all, leaves(f, here)...)
			}
		}
	}
	return all
}

// alter gives one value another content and returns the name of its field.
func alter(t *testing.T, v reflect.Value, way []int) string {
	t.Helper()
	name := ""
	for _, i := range way {
		if v.Kind() == reflect.Slice {
			v = v.Index(0)
		}
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		name += "." + v.Type().Field(i).Name
		v = v.Field(i)
	}
	switch to := v.Addr().Interface().(type) {
	case *Located[string]:
		*to = Located[string]{Value: "other", Set: true}
	case *Located[bool]: // whichever is not the default
		*to = Located[bool]{Value: !strings.Contains(name, "SessionTickets") && !strings.Contains(name, "Watch"), Set: true}
	case *Located[int64]:
		*to = Located[int64]{Value: 4711, Set: true}
	case *Located[time.Duration]:
		*to = Located[time.Duration]{Value: 4711 * time.Second, Set: true}
	case *document.List:
		*to = document.List{Value: []Located[string]{{Value: "other"}}, Set: true}
	case *document.Pairs:
		*to = document.Pairs{{Name: Located[string]{Value: "other"}, Value: Located[string]{Value: "x"}}}
	default:
		t.Fatalf("%s: values of this type are unknown", name)
	}
	return name
}

func TestDiffShowsNoSecret(t *testing.T) {
	for key, shown := range map[string]bool{
		"password": false, "certificate_password": false, "token": false, "client_secret": false,
		"certificate_password_file": true, "certificate_key": true, "mode": true,
	} {
		old := document.Outline{Values: []document.Setting{{Key: key, Text: "hunter1"}}}
		new := document.Outline{
			Values: []document.Setting{{Key: key, Text: "hunter2"}},
			Tables: []document.Outline{{Key: "t", Values: []document.Setting{{Key: key, Text: "hunter3"}}}},
		}
		var text strings.Builder
		for _, c := range Diff(&Config{Written: &old}, &Config{Written: &new}) {
			text.WriteString(c.Text + "\n")
		}
		if got := strings.Contains(text.String(), "hunter"); got != shown || text.Len() == 0 {
			t.Errorf("%s: shown %t, want %t:\n%s", key, got, shown, &text)
		}
	}
}
