package main

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// group returns the steps of a group of checks, in their order.
func (s *suite) group(name string) ([]func(), bool) {
	switch name {
	case "lint":
		return []func(){s.gofmt, s.vet, s.staticcheck, s.conventions}, true
	case "unit":
		return []func(){s.setUp, s.unit}, true
	case "integration":
		return []func(){s.setUp, s.integration}, true
	case "soak":
		return []func(){s.setUp, s.soak}, true
	case "fuzz":
		return []func(){s.fuzz}, true
	}
	return nil, false
}

// gofmt fails for files that are not formatted, which gofmt itself only lists.
func (s *suite) gofmt() {
	s.begin("gofmt")
	out, err := exec.Command("gofmt", "-l", ".").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		s.fail("gofmt", string(out)+"  hint: make fmt")
		return
	}
	s.passed++
}

// vet looks at the code of every system, and at the integration tests, which plain `go vet` does not see.
func (s *suite) vet() {
	s.run("go vet", command(nil, "go", "vet", "./..."))
	for _, system := range []string{"windows", "darwin"} {
		s.run("go vet, "+system, command([]string{"GOOS=" + system, "CGO_ENABLED=0"}, "go", "vet", "./..."))
	}
	if runtime.GOOS == "linux" {
		s.run("go vet, integration", command(nil, "go", "vet", "-tags", "integration", "./integration/..."))
	}
}

func (s *suite) staticcheck() {
	s.run("staticcheck", command(nil, "go", "tool", "-modfile=tools/go.mod", "staticcheck", "-tags", "integration", "./..."))
}

func (s *suite) conventions() {
	s.run("conventions", command(nil, "go", "test", "-count=1", "./internal/lint"))
}

// setUp installs the programs that the tests drive, once and where it may. What is missing afterwards shows as skipped
// tests.
func (s *suite) setUp() {
	if s.isSetUp || runtime.GOOS != "linux" {
		return
	}
	s.isSetUp = true
	s.begin("real programs")
	cmd := command(nil, "integration/setup.sh")
	cmd.Stdout, cmd.Stderr = s.out, s.out
	if cmd.Run() != nil {
		s.note("some programs are not installed (hint: as root on Debian, integration/setup.sh)")
	}
}

func (s *suite) unit() {
	args := []string{"test", "-json", "-shuffle=on", "-timeout=10m"}
	if raceDetector() {
		args = append(args, "-race")
	} else {
		s.skip("race detector", "it needs cgo and a C compiler (Debian packages gcc and libc6-dev)")
	}
	s.tests("unit tests", command(nil, "go", append(args, "./...")...))
}

func (s *suite) integration() {
	if runtime.GOOS != "linux" {
		s.skip("integration tests", "they run on Linux only")
		return
	}
	env := []string{}
	if raceDetector() {
		env = append(env, "SALLYPORT_RACE=1")
	}
	s.tests("integration tests", command(env, "go", "test", "-json", "-count=1", "-timeout=10m", "-tags=integration", "./integration"))
}

// soak runs the long variants of the storms, and says what each of them came to.
func (s *suite) soak() {
	if runtime.GOOS != "linux" {
		s.skip("storms", "they run on Linux only")
		return
	}
	s.verbose = true
	defer func() { s.verbose = false }()
	s.tests("storms, the long variants", command([]string{"SALLYPORT_SOAK=1"},
		"go", "test", "-json", "-v", "-count=1", "-timeout=2h", "-tags=integration", "-run=^Test(Storm|ExportProof$)", "./integration"))
}

// raceDetector reports whether this machine can build with it.
func raceDetector() bool {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return false
	}
	enabled, compiler, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	_, err = exec.LookPath(compiler)
	return enabled == "1" && err == nil
}

// fuzz runs every fuzz target for FUZZTIME, by default half a minute each.
func (s *suite) fuzz() {
	duration := os.Getenv("FUZZTIME")
	if duration == "" {
		duration = "30s"
	}
	s.begin("fuzz targets")
	out, err := exec.Command("go", "test", "-list=^Fuzz", "./...").CombinedOutput()
	if err != nil {
		s.fail("fuzz targets", string(out))
		return
	}
	for _, target := range fuzzTargets(string(out)) {
		s.run(target.name+" ("+target.pkg+")",
			command(nil, "go", "test", "-run=^$", "-fuzz=^"+target.name+"$", "-fuzztime="+duration, "-fuzzminimizetime=10x", target.pkg))
	}
}

type fuzzTarget struct{ pkg, name string }

// fuzzTargets reads what `go test -list` says: the names of a package, then the package.
func fuzzTargets(list string) []fuzzTarget {
	var targets []fuzzTarget
	var names []string
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		switch {
		case len(words) == 1 && strings.HasPrefix(words[0], "Fuzz"):
			names = append(names, words[0])
		case len(words) > 1 && words[0] == "ok":
			for _, name := range names {
				targets = append(targets, fuzzTarget{pkg: words[1], name: name})
			}
			names = nil
		}
	}
	return targets
}
