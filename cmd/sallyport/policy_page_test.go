//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config"
	"sallyport/internal/testpki"
	"sallyport/policy"
)

// fence is a block of a page. Where the paragraph before it ends with the name of a file and a colon, it is that file.
var fence = regexp.MustCompile("(?s)(?:`([a-z/-]+\\.(?:toml|csv|rules))`:\n\n)?```(toml|console|csv|text)\n(.*?)```\n")

func TestPolicyPage(t *testing.T) {
	commands, warnings := follow(t, "policy.md")
	if commands < 15 {
		t.Errorf("only %d commands were found", commands)
	}
	if !strings.Contains(warnings, "a narrower rule does not restrict a broader one") {
		t.Errorf("the page says that check warns of a rule that changes nothing, and it says:\n%s", warnings)
	}
}

func TestFirewallPage(t *testing.T) {
	if commands, _ := follow(t, "firewall-teams.md"); commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
}

// follow does what a page tells its reader to do, from the first block to the last: it writes the files, types the
// commands, and compares what they print. With -update it writes what they print into the page. In the page, … stands for what
// differs from run to run, and as a line for any lines. It returns the number of commands, and the warnings of fragments of policies.
func follow(t *testing.T, name string) (commands int, warnings string) {
	page := readPage(t, name)
	r := newReader(t, name)
	var b strings.Builder
	last := 0
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		b.WriteString(page[last:m[6]])
		last = m[7]
		block := page[m[6]:m[7]]
		switch {
		case page[m[4]:m[5]] == "console":
			commands += strings.Count("\n"+block, "\n$ ")
			block = r.console(block)
		case m[2] >= 0:
			r.file(page[m[2]:m[3]], block)
		default:
			warnings += fragment(t, page, block)
		}
		b.WriteString(block)
	}
	b.WriteString(page[last:])
	if *update {
		if err := os.WriteFile(filepath.Join("../../docs", name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return commands, warnings
}

// reader follows the page in a directory of its own.
type reader struct {
	t       *testing.T
	page    string
	dir     string
	reloads int
}

func newReader(t *testing.T, page string) *reader {
	r := &reader{t: t, page: page, dir: t.TempDir()}
	for _, dir := range []string{"tls", "state"} {
		if err := os.Mkdir(filepath.Join(r.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ca := testpki.New(t)
	testpki.WriteFile(t, filepath.Join(r.dir, "tls/ca.crt"), ca.PEM())
	ca.Server(t, "config-server.example.com").Write(t, filepath.Join(r.dir, "tls"), "server")
	return r
}

// live is the configuration of the page for the sallyport that really runs, which listens where it disturbs nobody.
const live = "live.toml"

func (r *reader) file(name, content string) {
	testpki.WriteFile(r.t, filepath.Join(r.dir, name), []byte(content))
	if name == "config.toml" {
		r.file(live, strings.Replace(content, `":12020"`, `"127.0.0.1:0"`, 1))
	}
}

// console runs the commands of a block and returns it as it should be.
func (r *reader) console(block string) string {
	var result strings.Builder
	for _, part := range strings.Split("\n"+block, "\n$ ")[1:] {
		command, want, _ := strings.Cut(part, "\n")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		got := r.run(command)
		if strings.Contains(want, "…") || !*update {
			r.compare(command, want, got)
			got = want
		}
		fmt.Fprintf(&result, "$ %s\n%s", command, got)
	}
	return result.String()
}

var moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

func (r *reader) compare(command, want, got string) {
	r.t.Helper()
	want, got = moment.ReplaceAllString(want, "TIME"), moment.ReplaceAllString(got, "TIME")
	pattern := regexp.QuoteMeta("\n" + want)
	pattern = strings.ReplaceAll(pattern, "\n…\n", "\n(?:.*\n)*")
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	if regexp.MustCompile("^" + pattern + "$").MatchString("\n" + got) {
		return
	}
	r.t.Errorf("docs/%s: %s\nIf the code is right, run go test ./cmd/sallyport -run %s -update (-page +output):\n%s",
		r.page, command, r.t.Name(), cmp.Diff(want, got))
}

// talks finds the commands that are for a running sallyport.
var talks = regexp.MustCompile(`^sallyport (reload|lockouts|unlock)\b`)

// run types a command and returns what the reader sees of it.
func (r *reader) run(command string) string {
	if strings.HasPrefix(command, "sallyport run ") {
		r.start()
		return ""
	}
	actual := command
	if talks.MatchString(command) {
		actual += " --config " + live
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", actual)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if exit, failed := errors.AsType[*exec.ExitError](err); err != nil && (!failed || exit.ExitCode() < 0) {
		r.t.Fatalf("%s: %v", command, err)
	}
	if strings.HasPrefix(command, "sallyport reload") {
		r.log()
	}
	return string(out)
}

// start runs sallyport, which a source that nobody knows has annoyed before. It goes on until the test ends.
func (r *reader) start() {
	now := time.Now()
	locks := policy.NewLockouts(now, 0, policy.LockoutRules{Failures: 3, Window: time.Hour, Duration: 30 * time.Minute})
	for range 4 {
		locks.Failed(now, netip.MustParseAddr("10.2.0.77"), policy.NoRule)
	}
	var kept bytes.Buffer
	if err := locks.Snapshot(now, &kept); err != nil {
		r.t.Fatal(err)
	}
	testpki.WriteFile(r.t, filepath.Join(r.dir, "state/lockouts.json"), kept.Bytes())

	var output bytes.Buffer
	cmd := exec.CommandContext(r.t.Context(), "sallyport", "run", "--config", live)
	cmd.Dir, cmd.Stderr = r.dir, &output
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	r.t.Cleanup(func() {
		<-ended // its context has just ended
		if r.t.Failed() {
			r.t.Logf("the log of %s:\n%s", live, &output)
		}
	})
	r.untilReady()
	r.log()
}

func (r *reader) untilReady() {
	r.t.Helper()
	eventually(r.t, "ready", func() bool {
		client, err := adminClient(filepath.Join(r.dir, live))
		if err == nil {
			_, err = client.Status(r.t.Context())
		}
		return err == nil
	})
}

// log goes on with the log: what clients at those addresses did has been recorded once, in a network of their own.
func (r *reader) log() {
	r.reloads++
	recorded, err := os.ReadFile(fmt.Sprintf("testdata/policy_page/sallyport.%d.log", r.reloads))
	if errors.Is(err, fs.ErrNotExist) {
		return // nobody looks at it any more
	}
	if err != nil {
		r.t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(r.dir, "sallyport.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(recorded); err != nil {
		r.t.Fatal(err)
	}
}

// fragment compiles a policy that goes with the page's configuration, and runs its tests, by which it shows what it is about. It
// returns what check warns of.
func fragment(t *testing.T, page, text string) string {
	t.Helper()
	var configuration string
	for _, m := range fence.FindAllStringSubmatch(page, -1) {
		if m[1] == "config.toml" {
			configuration = m[3]
		}
	}
	cfg, problems := config.Parse("config.toml", []byte(configuration))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	files, problems := config.ParsePolicy([]config.NamedData{{Name: "fragment.toml", Data: []byte(text)}})
	source := files.Source
	source.Ports = cfg.PolicyPorts()
	set, faults := policy.Compile(&source, time.Now())
	problems = append(problems, files.Problems(faults)...)
	if set != nil {
		problems = append(problems, files.Problems(set.RunTests())...)
	}
	if problems.HasErrors() || len(source.Tests) == 0 {
		t.Errorf("%d tests; %s\n%s", len(source.Tests), problems, text)
	}
	return problems.Error()
}
