package matrix

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

var update = flag.Bool("update", false, "write the drafts in testdata")

func at(texts ...string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, text := range texts {
		if number, anywhere := strings.CutPrefix(text, ":"); anywhere {
			all = append(all, netip.AddrPortFrom(netip.Addr{}, netip.MustParseAddrPort("0.0.0.0:"+number).Port()))
			continue
		}
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

// ports are those of the tests.
func ports() []Port {
	return []Port{
		{Port: policy.Port{Application: "config", ID: "plain", Mode: policy.Plaintext}, At: at("10.1.0.4:2020")},
		{Port: policy.Port{Application: "config", ID: "secure", Mode: policy.Secure, ClientAuth: true}, At: at("10.1.0.4:2021")},
		{Port: policy.Port{Application: "agents", ID: "upgrade", Mode: policy.AutoDetect}, At: at(":2030")},
		{Port: policy.Port{Application: "web", ID: "tls", Mode: policy.Secure}, At: at("192.0.2.10:443", "10.1.0.4:8443")},
		{Port: policy.Port{Application: "web", ID: "local", Mode: policy.Plaintext}, At: at("127.0.0.1:2020")},
		{
			Port: policy.Port{Application: "sip", ID: "tls", Mode: policy.Secure}, At: at("10.1.0.4:5061"),
			Balancers: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/24")},
		},
	}
}

func read(t *testing.T, im *Import, text string) (*Draft, string) {
	t.Helper()
	d, err := im.Read("matrix.csv", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := d.Write(&b); err != nil {
		t.Fatal(err)
	}
	return d, b.String()
}

// TestFile shows a whole draft. What it looks like is part of what the package is for.
func TestFile(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "matrix.csv"))
	if err != nil {
		t.Fatal(err)
	}
	_, got := read(t, &Import{Ports: ports()}, string(data))
	golden := filepath.Join("testdata", "draft.toml")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
}
