package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// sameValues compares what has no fields to compare by.
var sameValues = cmp.Options{
	cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
	cmp.Comparer(func(a, b *regexp.Regexp) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(reference)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(example.ReplaceAll(data, []byte("$1$2")))
	f.Add([]byte(levels))
	contract, err := os.ReadFile("testdata/contract.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(contract)
	archives, _ := filepath.Glob("testdata/mistakes/*.txtar")
	for _, path := range archives {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range marker.Split(string(data), -1) {
			f.Add([]byte(part))
		}
	}
	f.Fuzz(fuzzParse)
}

func fuzzParse(t *testing.T, data []byte) {
	cfg, problems := Parse("config.toml", data)
	if cfg == nil && !problems.HasErrors() {
		t.Fatal("neither a configuration nor an error")
	}
	if !slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Pos.Compare(b.Pos) }) {
		t.Errorf("not in file order:\n%v", problems)
	}
	for _, p := range problems {
		inside(t, data, p)
	}
	again, sameProblems := Parse("config.toml", data)
	if diff := cmp.Diff(problems, sameProblems); diff != "" {
		t.Errorf("problems differ from run to run:\n%s", diff)
	}
	if diff := cmp.Diff(cfg, again, sameValues); diff != "" {
		t.Errorf("configurations differ from run to run:\n%s", diff)
	}
	if cfg != nil {
		if changes := Diff(cfg, again); len(changes) > 0 {
			t.Errorf("a file differs from itself: %v", changes)
		}
	}
	if cfg == nil || strings.HasPrefix(string(data), "\ufeff") {
		return
	}
	// What no editor shows changes nothing.
	marked, _ := Parse("config.toml", slices.Concat([]byte("\ufeff"), data, []byte("\n# end\n")))
	if diff := cmp.Diff(cfg, marked, sameValues); diff != "" {
		t.Errorf("a byte order mark and a comment change the configuration:\n%s", diff)
	}
	complete(t, cfg, problems)
}

// inside checks that a problem points into the file.
func inside(t *testing.T, data []byte, p Problem) {
	t.Helper()
	if p.Message == "" {
		t.Errorf("a problem without a message: %+v", p)
	}
	if p.Pos.Line == 0 {
		return // about the file as a whole
	}
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	if p.Pos.Line > len(lines) || p.Pos.Column < 1 || p.Pos.Column > len(lines[p.Pos.Line-1])+1 {
		t.Errorf("outside of the file: %v", p)
	}
}

// complete checks what everybody may rely on when there is no error.
func complete(t *testing.T, cfg *Config, problems Problems) {
	t.Helper()
	if problems.HasErrors() {
		return
	}
	if len(cfg.Applications) == 0 {
		t.Error("no application")
	}
	for _, app := range cfg.Applications {
		if app.Name.Value == "" || len(app.Upstream.Endpoints()) == 0 || len(app.Ports) == 0 {
			t.Errorf("an incomplete application: %+v", app)
		}
		completeUpstream(t, &app.Upstream)
		for _, p := range app.Ports {
			if p.Listen.Value.Network == "" || p.Mode.Value == "" || p.TLSProfile.Level == "" || p.ClientAuth.Value == "" {
				t.Errorf("an incomplete port: %+v", p)
			}
			if p.Mode.Value != ModePlaintext && p.ClientAuth.Value != ClientAuthNone && p.Credentials.TrustedCA.Value == "" {
				t.Errorf("port %s asks for certificates and trusts nobody in particular", p.Name())
			}
		}
	}
}

func completeUpstream(t *testing.T, u *Upstream) {
	t.Helper()
	for _, e := range u.Endpoints() {
		if e.Value.Network == "" || u.Source != nil && e.Value.Network != "tcp" {
			t.Errorf("an endpoint that cannot be reached: %+v", e)
		}
	}
	if u.Standby.Value == "" || u.Failback.Value == "" || u.OnFailover.Value == "" || u.Balance.Value == "" || u.MaxDials < 1 || u.DialQueue < 0 {
		t.Errorf("an incomplete upstream: %+v", u)
	}
	if h := u.HealthOrDefault(); h.Interval < shortestInterval || h.Timeout <= 0 || h.Rise < 1 || h.Fall < 1 {
		t.Errorf("incomplete health: %+v", h)
	}
	if u.Source == nil {
		return
	}
	if len(u.Source.Addresses) == 0 && len(u.Source.Ports) == 0 || len(u.Source.Addresses) > 2 {
		t.Errorf("a source of %v and %v", u.Source.Addresses, u.Source.Ports)
	}
	for _, backup := range []bool{false, true} {
		if both := policy.CommonPorts(u.Source.PortsFor(backup), u.Source.HealthPorts); len(both) > 0 {
			t.Errorf("%s is for sessions and checks", both)
		}
	}
}

// What is read as ports is what was written, in order and without a port twice.
func FuzzSourcePorts(f *testing.F) {
	for _, text := range []string{"20001", "20001-20004, 20011", " 1 , 65535", "3-4,1-2", "1-65535,7", "", ",", "0", "65536", "2-1", "1-2-3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ranges, flaw := parsePorts(text)
		if flaw != nil {
			if flaw.message == "" || len(ranges) > 0 {
				t.Fatalf("%q: %+v with %v", text, flaw, ranges)
			}
			return
		}
		merged := policy.MergePorts(ranges)
		var texts []string
		for i, r := range merged {
			if i > 0 && int(r.First) <= int(merged[i-1].Last)+1 {
				t.Errorf("%v is not merged", merged)
			}
			texts = append(texts, r.String())
		}
		again, flaw := parsePorts(strings.Join(texts, ", "))
		if diff := cmp.Diff(merged, again); diff != "" || flaw != nil {
			t.Errorf("%q is read otherwise when it is written again: %+v (-want +got):\n%s", text, flaw, diff)
		}
		if both := policy.CommonPorts(merged, ranges); !slices.Equal(both, merged) {
			t.Errorf("%v and %v have nothing in common", merged, ranges)
		}
		ports := make(map[uint16]bool)
		for _, r := range ranges {
			for port := int(r.First); port <= int(r.Last); port++ {
				ports[uint16(port)] = true
			}
		}
		if size(merged) != len(ports) {
			t.Errorf("%v has %d ports, want %d", merged, size(merged), len(ports))
		}
	})
}
