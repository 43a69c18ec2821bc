package lint

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestRepository is the lint step.
func TestRepository(t *testing.T) {
	findings, err := Check(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

// TestRules proves that each rule can fail, and that it does not where it should not.
func TestRules(t *testing.T) {
	lines := func(n int) string { return "package p\n" + strings.Repeat("//\n", n-1) }
	unfinishedWord := "TO" + "DO"
	tests := []struct {
		name string
		file string
		text string
		want []string
	}{
		{"longest file", "proxy/a.go", lines(500), nil},
		{"file too long", "proxy/a.go", lines(501), []string{"proxy/a.go: 501 lines, the limit is 500"}},
		{"longest test", "proxy/a_test.go", lines(800), nil},
		{"test too long", "proxy/a_test.go", lines(801), []string{"proxy/a_test.go: 801 lines, the limit is 800"}},
		{"vague name", "proxy/util.go", "package proxy", []string{"proxy/util.go: a file is named after its one concern, not util"}},
		{"vague test name", "proxy/helpers_test.go", "package proxy", []string{"proxy/helpers_test.go: a file is named after its one concern, not helpers"}},
		{"unfinished", "docs/a.md", "one\n" + unfinishedWord + ": two", []string{"docs/a.md:2: " + unfinishedWord + " belongs into an issue, not into the tree"}},
		{"part of a word", "a.sh", "mktemp /tmp/XXXXX", nil},
		{"binary file", "a.p12", "\x00 " + unfinishedWord, nil},

		{"import policy", "proxy/a.go", `package proxy; import _ "sallyport/policy"`, nil},
		{"import of the own house", "internal/config/a.go", `package config; import _ "sallyport/internal/config/document"`, nil},
		{"proxy imports certs", "proxy/a.go", `package proxy; import _ "sallyport/certs"`, []string{"proxy/a.go:1: proxy may not import sallyport/certs"}},
		{"internal imports proxy", "internal/config/a.go", `package config; import _ "sallyport/proxy"`, []string{"internal/config/a.go:1: internal/config may not import sallyport/proxy"}},
		{"certs imports policy", "certs/a.go", `package certs; import _ "sallyport/policy"`, []string{"certs/a.go:1: certs may not import sallyport/policy"}},
		{"policy imports certs", "policy/a.go", `package policy; import _ "sallyport/certs"`, []string{"policy/a.go:1: policy may not import sallyport/certs"}},
		{"the command imports all", "cmd/sallyport/a.go", `package main; import (_ "sallyport/proxy"; _ "sallyport/internal/config")`, nil},
		{"the command imports test support", "cmd/sallyport/a.go", `package main; import _ "sallyport/internal/testpki"`, []string{"cmd/sallyport/a.go:1: cmd/sallyport may not import sallyport/internal/testpki"}},
		{"a test imports test support", "proxy/a_test.go", `package proxy; import _ "sallyport/internal/testpki"`, nil},
		{"a test imports a sibling", "proxy/a_test.go", `package proxy; import _ "sallyport/certs"`, []string{"proxy/a_test.go:1: proxy may not import sallyport/certs"}},
		{"production imports integration", "listener/a.go", `package listener; import _ "sallyport/integration"`, []string{"listener/a.go:1: listener may not import sallyport/integration"}},
		{"excluded by a build constraint", "proxy/a_windows.go", "//go:build ignore\n\npackage proxy; import _ \"sallyport/certs\"", []string{"proxy/a_windows.go:3: proxy may not import sallyport/certs"}},

		{"log in a library", "proxy/a.go", `package proxy; import "log"`, []string{"proxy/a.go:1: library packages log through the log/slog logger they are handed"}},
		{"print in a library", "proxy/a.go", `package proxy; func f() { fmt.Println() }`, []string{"proxy/a.go:1: library packages do not print"}},
		{"builtin print in a library", "proxy/a.go", `package proxy; func f() { println() }`, []string{"proxy/a.go:1: library packages do not print"}},
		{"exit in a library", "proxy/a.go", `package proxy; func f() { os.Exit(1) }`, []string{"proxy/a.go:1: only main exits"}},
		{"print and exit in main", "cmd/sallyport/a.go", `package main; func f() { fmt.Println(); os.Exit(1) }`, nil},
		{"init", "proxy/a.go", `package proxy; func init() {}`, []string{"proxy/a.go:1: no init functions"}},
		{"getter", "proxy/a.go", `package proxy; func (s Server) GetName() {}`, []string{"proxy/a.go:1: GetName: no Get in names"}},
		{"dictated getter", "certs/a.go", `package certs; func (s Set) GetCertificate() {}`, nil},

		{"verification off in a literal", "certs/a.go", `package certs; var c = tls.Config{InsecureSkipVerify: true}`, []string{"certs/a.go:1: InsecureSkipVerify is for tests"}},
		{"verification off by assignment", "certs/a.go", `package certs; func f() { c.InsecureSkipVerify = on }`, []string{"certs/a.go:1: InsecureSkipVerify is for tests"}},
		{"verification on", "certs/a.go", `package certs; var c = tls.Config{InsecureSkipVerify: false}`, nil},
		{"verification off in a test", "certs/a_test.go", `package certs; var c = tls.Config{InsecureSkipVerify: true}`, nil},
		{"decision skipped on resumption", "certs/a.go", `package certs; var c = tls.Config{VerifyPeerCertificate: f}`, []string{"certs/a.go:1: VerifyPeerCertificate is skipped on resumption; decide from the finished ConnectionState"}},

		{"sleep in a test", "proxy/a_test.go", `package proxy; func TestA(t *testing.T) { time.Sleep(1) }`, []string{"proxy/a_test.go:1: wait for a condition, or for a fake clock, instead of time.Sleep"}},
		{"sleep on a fake clock", "proxy/a_test.go", `package proxy; func TestA(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }`, nil},
		{"sleep beside a fake clock", "proxy/a_test.go", `package proxy; func TestA(t *testing.T) { synctest.Test(t, f); time.Sleep(1) }`, []string{"proxy/a_test.go:1: wait for a condition, or for a fake clock, instead of time.Sleep"}},
		{"sleep in a function of a fake clock", "proxy/a_test.go", `package proxy; func TestA(t *testing.T) { synctest.Test(t, func(t *testing.T) { f() }) }; func f() { g() }; func g() { time.Sleep(1) }`, nil},

		{"reports are not looked at", "bench/out/util.go", "package p; func init() {}", nil},
		{"fixtures are not looked at", "proxy/testdata/util.go", "package p; func init() {}", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			findings, err := Check(fstest.MapFS{test.file: {Data: []byte(test.text)}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range findings {
				got = append(got, finding.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNestedModule(t *testing.T) {
	tree := fstest.MapFS{
		"tools/go.mod":  {Data: []byte("module tools")},
		"tools/util.go": {Data: []byte("package tools")},
	}
	findings, err := Check(tree)
	if err != nil || len(findings) > 0 {
		t.Errorf("a module of its own: %v, %v", findings, err)
	}
}

func TestUnparsable(t *testing.T) {
	if _, err := Check(fstest.MapFS{"a.go": {Data: []byte("packag")}}); err == nil {
		t.Error("no error for a file that is not Go")
	}
}
