//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The rules are in one place, clients and tests in another, all of them one policy.
const (
	filesConfig = `
[policy]
files = ["base.toml", "policies/*.toml"]

[[application]]
name = "echo"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "plain"
  listen = "${plain}"
  mode   = "plaintext"

[log]
format = "json"

[admin]
listen = "unix:admin.sock"
`
	clientsFile = `[[client]]
name = "east"
addresses = ["127.0.0.91"]

[[client]]
name = "west"
addresses = ["127.0.0.92"]
`
	rulesFile = `[[allow]]
id = "plain"
from = ["east", "west"]
to = ["echo/plain"]
tls = "plaintext"
owner = "test"
`
	testsFile = `[[test]]
from = "127.0.0.91:20001"
to = "echo/plain"
expect = "allow"

[[test]]
from = "127.0.0.93:20001"
to = "echo/plain"
expect = "deny"
`
)

// policyDir is a directory with a configuration and the files of its policy.
type policyDir struct {
	dir, plain string
}

func newPolicyDir(t *testing.T) policyDir {
	t.Helper()
	p := policyDir{accountOf(t, "root").dir(t), freeAddress(t)}
	accountOf(t, "root").mkdir(t, filepath.Join(p.dir, "policies"))
	p.write(t, "config.toml", expand(t, filesConfig, vars{"plain": p.plain}))
	p.write(t, "base.toml", clientsFile)
	p.write(t, "policies/10-rules.toml", rulesFile)
	p.write(t, "policies/20-tests.toml", testsFile)
	p.write(t, "policies/README", "no TOML, and not meant by the glob")
	return p
}

func (p policyDir) path(name string) string { return filepath.Join(p.dir, name) }

func (p policyDir) write(t *testing.T, name, content string) {
	t.Helper()
	replace(t, p.path(name), content)
}

func (p policyDir) start(t *testing.T) *sallyport {
	t.Helper()
	s := &sallyport{config: p.path("config.toml"), returned: make(map[int]bool)}
	t.Cleanup(func() { s.wantSound(t) })
	s.process = start(t, exec.Command(binary(), "run", "--config", s.config))
	s.waitReady(t)
	return s
}

// spoilt is what can be wrong with the files of a policy, and all that is said about it.
var spoilt = []struct {
	name  string
	spoil func(t *testing.T, p policyDir)
	want  []string // regular expressions, in this order; DIR is the directory
}{
	{"failing tests", func(t *testing.T, p policyDir) {
		p.write(t, "base.toml", strings.Replace(clientsFile, "127.0.0.91", "127.0.0.93", 1))
	}, []string{
		`DIR/policies/20-tests\.toml:4:10: test\[0\]\.expect: .*expected allow and got deny \(no_rule\)`, `nearest is rule "plain"`,
		`DIR/policies/20-tests\.toml:9:10: test\[1\]\.expect: .*expected deny and got allow`,
	}},
	{"unknown keys and names, over all files", func(t *testing.T, p policyDir) {
		p.write(t, "base.toml", strings.Replace(clientsFile, "addresses = [\"127.0.0.92\"]", "adresses = [\"127.0.0.92\"]", 1))
		p.write(t, "policies/10-rules.toml", strings.NewReplacer(`"west"`, `"wset"`, "tls = ", "tsl = ").Replace(rulesFile))
		p.write(t, "policies/20-tests.toml", strings.Replace(testsFile, "echo/plain", "echo/plian", 1))
	}, []string{
		`DIR/base\.toml:7:1: .*adresses`, `did you mean "?addresses`,
		`DIR/policies/10-rules\.toml:3:17: allow\[0\]\.from\[1\]: .*"wset"`, `did you mean "west"`,
		`DIR/policies/10-rules\.toml:5:1: .*tsl`, `did you mean "?tls`,
		`DIR/policies/20-tests\.toml:3:6: test\[0\]\.to: .*"echo/plian"`, `did you mean "echo/plain"`,
	}},
	{"no TOML", func(t *testing.T, p policyDir) {
		p.write(t, "policies/10-rules.toml", "[[allow]\n"+rulesFile)
	}, []string{`DIR/policies/10-rules\.toml:1:\d+: `}},
	{"an id twice", func(t *testing.T, p policyDir) {
		p.write(t, "policies/15-more.toml", rulesFile)
	}, []string{`DIR/policies/15-more\.toml:2:6: allow\[0\]\.id: .*"plain"`, `DIR/policies/10-rules\.toml:2`}},
	{"a file is gone", func(t *testing.T, p policyDir) {
		if err := os.Remove(p.path("base.toml")); err != nil {
			t.Fatal(err)
		}
	}, []string{`DIR/config\.toml:3:10: policy\.files\[0\]: .*base\.toml`}},
	{"a file of the glob is gone", func(t *testing.T, p policyDir) {
		if err := os.Remove(p.path("policies/10-rules.toml")); err != nil {
			t.Fatal(err)
		}
	}, []string{`DIR/base\.toml:2:8: client\[0\]\.name: .*"east"`, `DIR/base\.toml:6:8: client\[1\]\.name: .*"west"`}},
	{"a file is cut off", func(t *testing.T, p policyDir) {
		p.write(t, "policies/10-rules.toml", rulesFile[:len(rulesFile)/2])
	}, []string{`DIR/policies/10-rules\.toml:`}},
	{"a file is empty", func(t *testing.T, p policyDir) {
		p.write(t, "policies/20-tests.toml", "")
	}, []string{`DIR/policies/20-tests\.toml: the file is empty`}},
	{"the glob finds nothing", func(t *testing.T, p policyDir) {
		for _, name := range []string{"policies/10-rules.toml", "policies/20-tests.toml"} {
			if err := os.Remove(p.path(name)); err != nil {
				t.Fatal(err)
			}
		}
	}, []string{`DIR/config\.toml:3:23: policy\.files\[1\]: .*policies/\*\.toml`}},
}

// wantSaid expects all that is wrong in an output, in its order.
func wantSaid(t *testing.T, p policyDir, output string, want []string) {
	t.Helper()
	rest := output
	for _, text := range want {
		pattern := regexp.MustCompile(strings.ReplaceAll(text, "DIR", regexp.QuoteMeta(p.dir)))
		found := pattern.FindStringIndex(rest)
		if found == nil {
			t.Fatalf("it does not say %s (at its place):\n%s", pattern, output)
		}
		rest = rest[found[1]:]
	}
}

// TestPolicyFilesAtStart refuses to start under a policy that is wrong, and says all that is.
func TestPolicyFilesAtStart(t *testing.T) {
	for _, test := range spoilt {
		t.Run(test.name, func(t *testing.T) {
			p := newPolicyDir(t)
			test.spoil(t, p)
			for _, command := range []string{"run", "check"} {
				got := client{}.run(t, binary(), command, "--config", p.path("config.toml"))
				if got.code != 1 {
					t.Errorf("%s: exit code %d, want 1", command, got.code)
				}
				wantSaid(t, p, got.all, test.want)
			}
			if accepts(p.plain) {
				t.Error("the port is open")
			}
		})
	}
}

// TestPolicyFilesAtReload keeps the policy in force when the next one is wrong, and everybody is told.
func TestPolicyFilesAtReload(t *testing.T) {
	for _, test := range spoilt {
		t.Run(test.name, func(t *testing.T) {
			p := newPolicyDir(t)
			s := p.start(t)
			established := dial(t, p.plain, "127.0.0.91")
			exchange(t, established, "before\n")
			test.spoil(t, p)
			got := s.command(t, "reload", "--wait")
			if got.code != 1 || !strings.Contains(got.all, "generation 1 stays in force") {
				t.Errorf("exit code %d:\n%s", got.code, got.all)
			}
			wantSaid(t, p, got.all, test.want)
			exchange(t, established, "after\n")
			wantServed(t, dial(t, p.plain, "127.0.0.92"))
			s.wantRecord(t, fields{keyVerdict: verdictAllow, keyRule: "plain", keyGeneration: 1, keySource: containing("127.0.0.92:")})
			if conn, err := tryDial(t, p.plain, "127.0.0.93"); err == nil {
				wantRefused(t, conn)
			}
			s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "no_rule", keySource: containing("127.0.0.93:")})

			again := newPolicyDir(t) // what was good is good again
			for _, name := range []string{"base.toml", "policies/10-rules.toml", "policies/20-tests.toml"} {
				content, err := os.ReadFile(again.path(name))
				if err != nil {
					t.Fatal(err)
				}
				p.write(t, name, string(content))
			}
			os.Remove(p.path("policies/15-more.toml"))
			s.reload(t)
			exchange(t, established, "recovered\n")
		})
	}
}

// TestPolicyOverFiles takes files that come and go with a glob.
func TestPolicyOverFiles(t *testing.T) {
	p := newPolicyDir(t)
	s := p.start(t)
	wantServed(t, dial(t, p.plain, "127.0.0.91"))
	p.write(t, "policies/30-north.toml", strings.NewReplacer(`"plain"`, `"north"`, `"east", "west"`, `"127.0.0.94"`).Replace(rulesFile))
	if conn, err := tryDial(t, p.plain, "127.0.0.94"); err == nil {
		wantRefused(t, conn)
	}
	s.reload(t)
	wantServed(t, dial(t, p.plain, "127.0.0.94"))
	s.wantRecord(t, fields{keyVerdict: verdictAllow, keyRule: "north", keyGeneration: 2})
	if err := os.Remove(p.path("policies/30-north.toml")); err != nil {
		t.Fatal(err)
	}
	s.reload(t)
	if conn, err := tryDial(t, p.plain, "127.0.0.94"); err == nil {
		wantRefused(t, conn)
	}
	s.wantRecord(t, fields{keyVerdict: verdictDeny, keyReason: "no_rule", keyGeneration: 3})
}
