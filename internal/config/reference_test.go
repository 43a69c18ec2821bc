package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config/document"
)

const reference = "../../config.toml"

// An example in the reference: a key or a header behind "# ".
var example = regexp.MustCompile(`(?m)^( *)# (\[|[a-z0-9_]+ = )`)

func readReference(t *testing.T) (asIs, uncommented []byte) { return readExamples(t, reference) }

// readExamples reads a documented file, and the same with every example in force.
func readExamples(t *testing.T, path string) (asIs, uncommented []byte) {
	t.Helper()
	asIs, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return asIs, example.ReplaceAll(asIs, []byte("$1$2"))
}

func TestReferenceRunsAsItIs(t *testing.T) {
	cfg, problems := Load(reference)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	var ports []string
	for _, p := range cfg.Applications[0].Ports {
		ports = append(ports, p.Name()+" "+string(p.Mode.Value)+" "+p.Listen.Value.String())
		if p.Mode.Value != ModePlaintext && p.Credentials.Level != "" {
			t.Errorf("port %s needs certificate files", p.Name())
		}
	}
	want := []string{
		"demo/upgrade auto-detect 127.0.0.1:12020",
		"demo/secure secure 127.0.0.1:12021",
		"demo/plain plaintext 127.0.0.1:12022",
	}
	if diff := cmp.Diff(want, ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if got, want := cfg.Applications[0].Upstream.Primary.Value, (Endpoint{"builtin", "echo"}); got != want {
		t.Errorf("upstream = %v, want %v", got, want)
	}
}

func TestReferenceExamplesAreValid(t *testing.T) {
	asIs, uncommented := readReference(t)
	if _, problems := Parse("config.toml", uncommented); len(problems) > 0 {
		t.Errorf("problems with every example in force:\n%v", problems)
	}
	if n := len(example.FindAll(asIs, -1)); n < 50 {
		t.Errorf("only %d examples were found: has their form changed?", n)
	}
}

// Every key of the schema is documented, and no key of a later release is.
func TestReferenceNamesEveryKey(t *testing.T) {
	_, uncommented := readReference(t)
	written := keysIn(t, uncommented)
	for _, k := range document.Keys[rawFile]() {
		if strings.HasPrefix(k.Path, "application.port.sni.upstream.") || k.Path == "application.port.certificate_key" {
			continue // documented at the other upstream; a PKCS#12 file has its key inside
		}
		_, documented := written[k.Path]
		if documented == k.Later {
			t.Errorf("%s: in the reference: %v, for later: %v", k.Path, documented, k.Later)
		}
	}
}

// What the reference shows for a key that has a default is the default.
func TestReferenceShowsDefaults(t *testing.T) {
	_, uncommented := readReference(t)
	written := keysIn(t, uncommented)
	compared := 0
	for _, k := range document.Keys[rawFile]() {
		if k.Default == "" {
			continue
		}
		compared++
		for _, value := range written[k.Path] {
			if value != k.Default {
				t.Errorf("%s: the reference shows %q, the default is %q", k.Path, value, k.Default)
			}
		}
	}
	if compared < 15 {
		t.Errorf("only %d defaults were compared", compared)
	}
}

// The one default that is made of others.
func TestReferenceShowsDefaultAdminSocket(t *testing.T) {
	_, uncommented := readReference(t)
	cfg, problems := Load(reference)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	path, err := filepath.Rel(cfg.Dir, filepath.FromSlash(cfg.Admin.Listen.Value.Address))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"unix:" + filepath.ToSlash(path)}
	if diff := cmp.Diff(want, keysIn(t, uncommented)["admin.listen"]); diff != "" {
		t.Errorf("admin.listen (-code +reference):\n%s", diff)
	}
}

var (
	header     = regexp.MustCompile(`^\[+([a-z_.]+)\]+$`)
	assignment = regexp.MustCompile(`^([a-z0-9_]+) = (.*?)( +#.*)?$`)
)

// keysIn reads a file line by line, independently of the parser, and returns
// what is written for each key.
func keysIn(t *testing.T, data []byte) map[string][]string {
	t.Helper()
	written := make(map[string][]string)
	table := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if m := header.FindStringSubmatch(line); m != nil {
			table = m[1]
			written[table] = append(written[table], "")
			continue
		}
		m := assignment.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		key := table + "." + m[1]
		written[key] = append(written[key], strings.Trim(m[2], `"`))
	}
	if len(written) < 20 {
		t.Fatalf("only %d keys were found", len(written))
	}
	return written
}
