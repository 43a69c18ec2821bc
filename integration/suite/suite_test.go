package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name   string
		stream string
		want   string // the account's last line
		shown  string // what must be in the output
	}{
		{
			name: "all passed",
			stream: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA/b"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}`,
			want:  "2 passed, 0 failed, 0 skipped",
			shown: "ok  \tp\t0.1s\n",
		},
		{
			name: "a failure shows its output",
			stream: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: broken\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want:  "0 passed, 1 failed, 0 skipped",
			shown: "--- FAIL: TestA (p)\n    a_test.go:1: broken\n",
		},
		{
			name:   "a package that fails without a test",
			stream: `{"Action":"build-output","ImportPath":"p","Output":"p/a.go:1: syntax error\n"}` + "\n" + `{"Action":"fail","Package":"p"}`,
			want:   "0 passed, 1 failed, 0 skipped",
			shown:  "p/a.go:1: syntax error\n--- FAIL: p\n",
		},
		{
			name: "a process that dies in a test",
			stream: `{"Action":"output","Package":"p","Test":"TestA","Output":"fatal error: all goroutines are asleep\n"}
{"Action":"fail","Package":"p"}`,
			want:  "0 passed, 1 failed, 0 skipped",
			shown: "fatal error: all goroutines are asleep\n--- FAIL: p\n",
		},
		{
			name: "a skipped test is named with its reason",
			stream: `{"Action":"output","Package":"p","Test":"TestA","Output":"    redis_test.go:10: redis-server is not installed\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want:  "0 passed, 0 failed, 1 skipped",
			shown: "!!!   TestA: redis-server is not installed\n",
		},
		{
			name:   "lines that are no events",
			stream: "go: downloading x\n",
			want:   "0 passed, 0 failed, 0 skipped",
			shown:  "go: downloading x\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			s := &suite{out: &out, began: time.Now()}
			s.read(strings.NewReader(test.stream))
			ok := s.account()
			if failed := strings.Contains(test.want, " 0 failed"); ok != failed {
				t.Errorf("account says %v", ok)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if diff := cmp.Diff(test.want, lines[len(lines)-1]); diff != "" {
				t.Errorf("last line (-want +got):\n%s", diff)
			}
			if !strings.Contains(out.String(), test.shown) {
				t.Errorf("output lacks %q:\n%s", test.shown, out.String())
			}
		})
	}
}

// TestSaid shows what tests that passed say, if that is wanted.
func TestSaid(t *testing.T) {
	stream := `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: storm: lost: 0\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
	for verbose, want := range map[bool]string{false: "", true: "--- ok   TestA\n         storm: lost: 0\n"} {
		var out bytes.Buffer
		s := &suite{out: &out, verbose: verbose}
		s.read(strings.NewReader(stream))
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("verbose %t (-want +got):\n%s", verbose, diff)
		}
	}
}

func TestRunFails(t *testing.T) {
	s := &suite{out: new(bytes.Buffer), began: time.Now()}
	s.run("a step", exec.Command("go", "no-such-subcommand"))
	if s.account() {
		t.Error("a failed step passes")
	}
}

func TestFuzzTargets(t *testing.T) {
	list := "FuzzA\nFuzzB\nok  \tsallyport/listener\t0.01s\nok  \tsallyport/proxy\t0.01s\nFuzzC\nok  \tsallyport/certs\t0.01s\n?   \tsallyport/x\t[no test files]\n"
	want := []fuzzTarget{{"sallyport/listener", "FuzzA"}, {"sallyport/listener", "FuzzB"}, {"sallyport/certs", "FuzzC"}}
	if diff := cmp.Diff(want, fuzzTargets(list), cmp.AllowUnexported(fuzzTarget{})); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}
