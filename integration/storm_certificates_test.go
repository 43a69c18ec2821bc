//go:build integration

package integration

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/testpki"
)

// TestStormCertificates reloads the real program a hundred times, with one changed certificate among many each time, and
// tells what that takes. It fails if the program's memory grows.
func TestStormCertificates(t *testing.T) {
	sizes := []struct {
		n   int
		rsa bool // with keys of their own, which take long to make
	}{{10, false}, {1000, false}, {10_000, false}, {300, true}}
	for _, size := range sizes[:storms(1, len(sizes))] {
		t.Run(fmt.Sprintf("%d,RSA=%t", size.n, size.rsa), func(t *testing.T) { soakReload(t, binary(), size.n, size.rsa) })
	}
}

func soakReload(t *testing.T, program string, n int, rsa bool) {
	e := newSoakEstate(t, n, rsa)
	started := time.Now()
	p := e.start(program)
	p.await("msg=started")
	first := time.Since(started)
	loaded := p.memory()

	const reloads = 100
	var times []time.Duration
	var memory []int
	for i := range reloads {
		e.rotate(i % n)
		before := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.await("msg=reloaded")
		times = append(times, time.Since(before))
		memory = append(memory, p.memory())
	}
	slices.Sort(times)
	early, late := slices.Max(memory[10:30]), slices.Max(memory[reloads-20:])
	t.Logf("%d certificates: first load %v; reload median %v, longest %v; resident %d MiB after the first load, at most %d in reloads 11 to 30, %d in the last 20",
		n, first.Round(time.Millisecond), times[reloads/2].Round(100*time.Microsecond), times[reloads-1].Round(100*time.Microsecond), loaded>>20, early>>20, late>>20)
	const noise = 8 << 20 // of the garbage collector
	if late > early+early/8+noise {
		t.Errorf("memory grew from %d MiB to %d MiB", early>>20, late>>20)
	}
}

// soakEstate is a directory with a configuration of many certificates on one port.
type soakEstate struct {
	t      *testing.T
	dir    string
	issuer *testpki.CA
	rsa    bool
}

func newSoakEstate(t *testing.T, n int, rsa bool) *soakEstate {
	root := testpki.New(t)
	e := &soakEstate{t: t, dir: t.TempDir(), issuer: root.Intermediate(t, "issuing", testpki.Options{}), rsa: rsa}
	testpki.WriteFile(t, filepath.Join(e.dir, "ca.crt"), root.PEM())
	testpki.WriteFile(t, filepath.Join(e.dir, "ca.crl"), root.CRL(t, time.Time{}, time.Time{}))
	var text strings.Builder
	text.WriteString("[admin]\nlisten = \"off\"\n[[application]]\nname = \"a\"\ncertificate = \"0.crt\"\ncertificate_key = \"0.key\"\n" +
		"trusted_ca = \"ca.crt\"\ncrl = \"ca.crl\"\nupstream.primary = \"builtin:echo\"\n" +
		"[[application.port]]\nid = \"p\"\nlisten = \"unix:p.sock\"\nmode = \"secure\"\nclient_auth = \"require\"\n")
	for i := range n {
		e.rotate(i)
		fmt.Fprintf(&text, "[[application.port.sni]]\nnames = [%q]\ncertificate = \"%[2]d.crt\"\ncertificate_key = \"%[2]d.key\"\n", soakName(i), i)
	}
	testpki.WriteFile(t, filepath.Join(e.dir, "config.toml"), []byte(text.String()))
	return e
}

func soakName(i int) string { return fmt.Sprintf("c%d.example.com", i) }

// rotate issues certificate i anew, for a new key.
func (e *soakEstate) rotate(i int) {
	o := testpki.Options{Names: []string{soakName(i)}}
	if e.rsa {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			e.t.Fatal(err)
		}
		o.Key = key
	}
	e.issuer.Issue(e.t, o).Write(e.t, e.dir, strconv.Itoa(i))
}

// soaked is a running sallyport.
type soaked struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

func (e *soakEstate) start(program string) *soaked {
	e.t.Helper()
	p := &soaked{t: e.t, cmd: exec.Command(program, "run", "--config", filepath.Join(e.dir, "config.toml")), lines: make(chan string, 100)}
	p.cmd.Env = append(os.Environ(), "GOGC=100") // otherwise garbage may come together that hides what grows
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			select {
			case p.lines <- s.Text():
			default: // nobody waits any more
			}
		}
	}()
	e.t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-read
		p.cmd.Wait()
	})
	return p
}

// await waits for a record.
func (p *soaked) await(record string) {
	p.t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, record) { // errors do no harm: the watch may meet a file that is being written
				return
			}
		case <-deadline:
			p.t.Fatalf("no record %s", record)
		}
	}
}

// memory returns the bytes that are resident and the program's own.
func (p *soaked) memory() int {
	p.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
			if err != nil {
				p.t.Fatal(err)
			}
			return kib << 10
		}
	}
	p.t.Fatal("smaps_rollup has no Pss")
	return 0
}
