package main

import (
	"errors"
	"flag"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMistakesInTheCommandLine(t *testing.T) {
	tests := map[string]struct{ args, want string }{
		"unknown flag":           {"-fast", "flag provided but not defined: -fast\n  hint: -help lists the flags"},
		"no flag":                {"resumed", "unexpected argument \"resumed\"\n  hint: -help lists"},
		"no number":              {"-rounds many", "invalid value \"many\" for flag -rounds"},
		"no round":               {"-rounds 0", "-rounds 0: want at least 1"},
		"no time":                {"-time 0s", "-time 0s: want 10ms to 1h"},
		"negative threshold":     {"-threshold -1", "-threshold -1: want 0 or more"},
		"no regular expression":  {"-only (", "-only: error parsing regexp"},
		"no such workload":       {"-only nonsense", "-only nonsense: no workload of this run has such a name\n  hint: -list shows"},
		"no such peer":           {"-against haproxy,squid", "-against: nobody knows \"squid\"\n  hint: the peers are haproxy, "},
		"target's flag alone":    {"-ca x", "-ca is about a target\n  hint: add -target HOST:PORT"},
		"target without port":    {"-target example.com", "-target example.com: want HOST:PORT\n  hint: an IPv6 address stands in brackets"},
		"target without host":    {"-target :443", "-target :443: want HOST:PORT"},
		"cert without key":       {"-target h:1 -cert x", "-cert and -key belong together"},
		"plaintext with CA":      {"-target h:1 -plaintext -ca x", "-plaintext knows no certificates"},
		"no connection":          {"-target h:1 -connections 0", "-connections 0: want at least 1"},
		"no message":             {"-target h:1 -message 70000", "-message 70000: want 1 to 65536 bytes"},
		"no such kind":           {"-target h:1 -workload up", "-workload up: cannot do that to this target\n  hint: it can be full, resumed, exchange"},
		"resumption of nothing":  {"-target h:1 -plaintext -workload resumed", "it can be sessions, exchange"},
		"no source":              {"-target h:1 -source somewhere", "-source \"somewhere\": want ADDRESS"},
		"too few source ports":   {"-target h:1 -source :1000-1003", "-source :1000-1003 has 4 ports for 8 connections at once\n  hint: add -connections 4"},
		"no such escape":         {`-target h:1 -send \q`, `-send \q: no such escape`},
		"two mistakes":           {"-rounds 0 -target h:1 -connections 0", "-connections 0"},
		"a run and a target":     {"-from x.json -target h:1", "-from and -target: which of them?"},
		"unverified certificate": {"-target h:1 -insecure", "not defined: -insecure"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parse(strings.Fields(test.args), io.Discard)
			if err == nil || !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want a usageError with %q", err, test.want)
			}
		})
	}
}

func TestEscapes(t *testing.T) {
	o, err := parse([]string{"-target", "h:1", "-send", `say "a"\r\n`, "-expect", "two\nlines"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"say \"a\"\r\n", "two\nlines"}, []string{o.target.send, o.target.expect}); diff != "" {
		t.Errorf("send and expect (-want +got):\n%s", diff)
	}
}

func TestHelp(t *testing.T) {
	var out strings.Builder
	if _, err := parse([]string{"-help"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("error = %v, want %v", err, flag.ErrHelp)
	}
	for _, want := range []string{"go run ./bench -quick", "-rounds", "-target", "-compare", "-markdown"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestQuickGivesWayToFlags(t *testing.T) {
	type length struct {
		Rounds int
		Time   time.Duration
	}
	tests := map[string]struct {
		args string
		want length
	}{
		"full":               {"", length{5, 2 * time.Second}},
		"quick":              {"-quick", length{3, 500 * time.Millisecond}},
		"quick, with rounds": {"-quick -rounds 7", length{7, 500 * time.Millisecond}},
		"quick, with time":   {"-quick -time 1s", length{3, time.Second}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := parse(strings.Fields(test.args), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, length{o.rounds, o.time}); diff != "" {
				t.Errorf("length (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommandThatMakesTheSameAgain(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"nothing":            {nil, "go run ./bench"},
		"reports are not it": {[]string{"-out", "x", "-markdown", "y.md", "-quick"}, "go run ./bench -quick"},
		"quoted":             {[]string{"-only", "resumed|mutual", "-rounds", "3"}, "go run ./bench -only 'resumed|mutual' -rounds 3"},
		"a quote":            {[]string{"-target", "h:1", "-send", "it's"}, `go run ./bench -send 'it'\''s' -target h:1`},
		"empty":              {[]string{"-only", ""}, "go run ./bench -only ''"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := parse(test.args, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if o.command != test.want {
				t.Errorf("command = %s, want %s", o.command, test.want)
			}
		})
	}
}

func TestWhichWorkloadsARunHas(t *testing.T) {
	small := workload{smaller: true, quick: true}
	small.Name = "small"
	large := workload{}
	large.Name = "large"
	tests := map[string]struct {
		only  string
		quick bool
		want  []bool // small, large
	}{
		"full":                 {"", false, []bool{false, true}},
		"quick":                {"", true, []bool{true, false}},
		"by a part of a name":  {"ar", false, []bool{false, true}},
		"by name, in any run":  {"small", false, []bool{true, false}},
		"by name, quick":       {"large", true, []bool{false, true}},
		"part of a name quick": {"larg", true, []bool{false, false}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := &options{quick: test.quick, only: regexp.MustCompile(test.only)}
			if diff := cmp.Diff(test.want, []bool{o.wants(small), o.wants(large)}); diff != "" {
				t.Errorf("small and large (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnicode(t *testing.T) {
	tests := map[string]struct {
		environment map[string]string
		want        bool
	}{
		"nothing":              {nil, false},
		"language":             {map[string]string{"LANG": "de_DE.UTF-8"}, true},
		"other spelling":       {map[string]string{"LC_CTYPE": "C.utf8"}, true},
		"one overrides others": {map[string]string{"LC_ALL": "C", "LANG": "C.UTF-8"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := unicode(func(name string) string { return test.environment[name] }); got != test.want {
				t.Errorf("unicode = %t, want %t", got, test.want)
			}
		})
	}
}
