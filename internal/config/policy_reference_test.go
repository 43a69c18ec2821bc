package config

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/config/document"
	"sallyport/policy"
)

const policyReference = "../../policy.toml"

// today is a day on which every example is valid.
var today = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func parsePolicyFile(t *testing.T, path string, data []byte) *PolicyFiles {
	t.Helper()
	files, problems := ParsePolicy([]NamedData{{path, data}})
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	return files
}

// compile compiles a policy for the ports of a configuration.
func compile(t *testing.T, files *PolicyFiles, ports []policy.Port) (*policy.Set, Problems) {
	t.Helper()
	src := files.Source
	src.Ports = ports
	set, faults := policy.Compile(&src, today)
	return set, files.Problems(faults)
}

// The reference policy goes with the reference configuration: its rules let
// loopback use every port, its tests hold, and nothing is warned of.
func TestPolicyReferenceGoesWithReference(t *testing.T) {
	cfg, problems := Load(reference)
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	asIs, _ := readExamples(t, policyReference)
	files := parsePolicyFile(t, "policy.toml", asIs)
	set, problems := compile(t, files, cfg.PolicyPorts())
	if len(problems) > 0 {
		t.Fatalf("problems:\n%v", problems)
	}
	if failed := files.Problems(set.RunTests()); len(failed) > 0 {
		t.Errorf("its own tests fail:\n%v", failed)
	}
}

func TestPolicyReferenceExamplesAreValid(t *testing.T) {
	asIs, uncommented := readExamples(t, policyReference)
	if n := len(example.FindAll(asIs, -1)); n < 40 {
		t.Errorf("only %d examples were found: has their form changed?", n)
	}
	cfg, _ := Load(reference)
	ports := cfg.PolicyPorts()
	for i := range ports {
		ports[i].ClientAuth = true // for the examples that demand an identity
	}
	files := parsePolicyFile(t, "policy.toml", uncommented)
	set, problems := compile(t, files, ports)
	if problems.HasErrors() {
		t.Fatalf("problems:\n%v", problems)
	}
	if failed := files.Problems(set.RunTests()); len(failed) > 0 {
		t.Errorf("its own tests fail:\n%v", failed)
	}
}

func TestPolicyReferenceNamesEveryKey(t *testing.T) {
	_, uncommented := readExamples(t, policyReference)
	written := keysIn(t, uncommented)
	for _, k := range document.Keys[rawPolicyFile]() {
		if _, documented := written[k.Path]; !documented {
			t.Errorf("%s is not in the reference", k.Path)
		}
	}
}

// The reference shows the default of every key that has one. Where no value is
// the example, it is the only one.
func TestPolicyReferenceShowsDefaults(t *testing.T) {
	_, uncommented := readExamples(t, policyReference)
	written := keysIn(t, uncommented)
	compared := 0
	for _, k := range document.Keys[rawPolicyFile]() {
		if k.Default == "" {
			continue
		}
		compared++
		values := written[k.Path]
		repeated := strings.HasPrefix(k.Path, "allow.") || strings.HasPrefix(k.Path, "test.")
		if !slices.Contains(values, k.Default) || !repeated && len(values) > 1 {
			t.Errorf("%s: the reference shows %q, the default is %q", k.Path, values, k.Default)
		}
	}
	if compared < 12 {
		t.Errorf("only %d defaults were compared", compared)
	}
	files := parsePolicyFile(t, "policy.toml", []byte("[lockout]\n"))
	exempt := `["` + strings.Join(files.Source.Lockout.Exempt, `", "`) + `"]`
	if shown := written["lockout.exempt"]; !slices.Equal(shown, []string{exempt}) {
		t.Errorf("lockout.exempt: the reference shows %q, the default is %s", shown, exempt)
	}
}

// What a firewall engineer has to know before anything else.
func TestPolicyReferenceExplainsTheModel(t *testing.T) {
	data, err := os.ReadFile(policyReference)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(string(data), "#", " ")), " ")
	for _, sentence := range []string{
		"a narrower rule does not restrict a broader one",
		"the right source port is a firewall aid, not authentication",
		"There are no rules that deny",
	} {
		if !strings.Contains(text, sentence) {
			t.Errorf("it does not say: %s", sentence)
		}
	}
}

const contractPorts = `
[[application]]
name = "config-server"
upstream.primary = "127.0.0.1:2020"
[[application.port]]
id = "upgrade"
listen = "0.0.0.0:12020"
mode = "auto-detect"
[[application.port]]
id = "secure"
listen = "0.0.0.0:2021"
mode = "secure"
certificate = "port.crt"
certificate_key = "port.key"
trusted_ca = "ca.crt"
client_auth = "require"
`

// The file that fixed the keys and their meaning is one that works, but for a
// group in it that nothing uses.
func TestPolicyContract(t *testing.T) {
	data, err := os.ReadFile("testdata/policy/contract.toml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := Parse("config.toml", []byte(contractPorts))
	if problems.HasErrors() {
		t.Fatalf("problems:\n%v", problems)
	}
	files := parsePolicyFile(t, "contract.toml", data)
	files.Source.Rules[0].From = append(files.Source.Rules[0].From, "cluster")
	set, problems := compile(t, files, cfg.PolicyPorts())
	if problems.HasErrors() {
		t.Fatalf("problems:\n%v", problems)
	}
	if failed := files.Problems(set.RunTests()); len(failed) > 0 {
		t.Errorf("its own tests fail:\n%v", failed)
	}
}
