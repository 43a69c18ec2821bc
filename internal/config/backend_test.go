package config

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport/policy"
)

// upstreamOf parses what an upstream says.
func upstreamOf(t *testing.T, text string) *Upstream {
	t.Helper()
	return &parse(t, `
[[application]]
name = "a"
[application.upstream]
`+text+`
[[application.port]]
id = "p"
listen = "127.0.0.1:2021"
mode = "plaintext"
`).Applications[0].Upstream
}

// placeless leaves out where values stand and which keys were written.
var placeless = cmp.Options{
	sameValues,
	cmpopts.IgnoreFields(Located[Endpoint]{}, "Pos", "Key"),
	cmpopts.IgnoreFields(Located[Standby]{}, "Pos", "Key", "Set"),
	cmpopts.IgnoreFields(Located[Failback]{}, "Pos", "Key", "Set"),
	cmpopts.IgnoreFields(Located[OnFailover]{}, "Pos", "Key", "Set"),
	cmpopts.IgnoreFields(Located[Balance]{}, "Pos", "Key", "Set"),
	cmpopts.IgnoreFields(Located[netip.Addr]{}, "Pos", "Key", "Set"),
	cmpopts.IgnoreFields(Located[string]{}, "Pos", "Key"),
	cmpopts.IgnoreFields(Health{}, "Pos"),
}

func tcp(address string) Located[Endpoint] {
	return Located[Endpoint]{Value: Endpoint{"tcp", address}, Set: true}
}

func wrote(text string) Located[string] { return Located[string]{Value: text, Set: true} }

func TestUpstreamOfPrimaryAndBackup(t *testing.T) {
	got := upstreamOf(t, `
primary = "cti-1.example.com:2021"
backup = "cti-2.example.com:2021"
standby = "hot"
failback = "auto"
failback_hold = "31s"
on_failover = "keep"
max_dials = 65
dial_queue = 0
  [application.upstream.health]
  interval = "3s"
  timeout = "2s"
  rise = 4
  fall = 5
  send = "PING\r\n"
  expect = "^\\+PONG"
  [application.upstream.source]
  address = ["10.2.0.5", "2001:db8::5"]
  ports = ["20003, 20001-20002", "20009"]
  backup_ports = "20011-20014"
  health_ports = "20021"
  wait = "6s"
`)
	want := &Upstream{
		Primary:      tcp("cti-1.example.com:2021"),
		Backup:       tcp("cti-2.example.com:2021"),
		Standby:      Located[Standby]{Value: StandbyHot},
		Failback:     Located[Failback]{Value: FailbackAuto},
		FailbackHold: 31 * time.Second,
		OnFailover:   Located[OnFailover]{Value: FailoverKeep},
		Balance:      Located[Balance]{Value: BalanceLeast},
		MaxDials:     65,
		Health: &Health{
			Interval: 3 * time.Second, Timeout: 2 * time.Second, Rise: 4, Fall: 5,
			Send: "PING\r\n", Expect: regexp.MustCompile(`^\+PONG`),
		},
		Source: &Source{
			Addresses:     []Located[netip.Addr]{{Value: netip.MustParseAddr("10.2.0.5")}, {Value: netip.MustParseAddr("2001:db8::5")}},
			Ports:         []policy.PortRange{{First: 20001, Last: 20003}, {First: 20009, Last: 20009}},
			BackupPorts:   []policy.PortRange{{First: 20011, Last: 20014}},
			HealthPorts:   []policy.PortRange{{First: 20021, Last: 20021}},
			Wait:          6 * time.Second,
			At:            wrote("10.2.0.5, 2001:db8::5"),
			PortsAt:       wrote("20003, 20001-20002, 20009"),
			BackupPortsAt: wrote("20011-20014"),
			HealthPortsAt: wrote("20021"),
		},
	}
	if diff := cmp.Diff(want, got, placeless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Located[Endpoint]{want.Primary, want.Backup}, got.Endpoints(), placeless); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	if got, want := got.Source.PortsAt.Key, "application[0].upstream.source.ports"; got != want {
		t.Errorf("ports are at %q, want %q", got, want)
	}
}

func TestUpstreamInParallel(t *testing.T) {
	for word, want := range map[string]Balance{
		"": BalanceLeast, "least_connections": BalanceLeast, "round_robin": BalanceRoundRobin, "source_hash": BalanceSourceHash,
	} {
		u := upstreamOf(t, "parallel = ['a:1', 'b:1']\nbalance = '"+word+"'\n")
		if u.Balance.Value != want {
			t.Errorf("%q is %q, want %q", word, u.Balance.Value, want)
		}
		if diff := cmp.Diff([]Located[Endpoint]{tcp("a:1"), tcp("b:1")}, u.Endpoints(), placeless); diff != "" {
			t.Errorf("endpoints (-want +got):\n%s", diff)
		}
	}
}

func TestUpstreamByDefault(t *testing.T) {
	want := &Upstream{
		Primary:      tcp("a:1"),
		Standby:      Located[Standby]{Value: StandbyWarm},
		Failback:     Located[Failback]{Value: FailbackAuto},
		FailbackHold: 30 * time.Second,
		OnFailover:   Located[OnFailover]{Value: FailoverClose},
		Balance:      Located[Balance]{Value: BalanceLeast},
		MaxDials:     64,
		DialQueue:    16384,
	}
	got := upstreamOf(t, `primary = "a:1"`)
	if diff := cmp.Diff(want, got, placeless); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Located[Endpoint]{want.Primary}, got.Endpoints(), placeless); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestHealthOrDefault(t *testing.T) {
	byDefault := Health{Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3}
	other := byDefault
	other.Fall = 7
	for _, tc := range []struct {
		name, text string
		want       Health
		active     bool
	}{
		{"no table", `primary = "a:1"`, byDefault, false},
		{"an empty table", "primary = 'a:1'\nhealth = {}", byDefault, true},
		{"a table", "primary = 'a:1'\nhealth = { fall = 7 }", other, true},
		{"a source of an address", "primary = 'a:1'\nhealth = { fall = 7 }\nsource = { address = '10.2.0.5' }", other, true},
		{"a source with health ports", "primary = 'a:1'\nhealth = { fall = 7 }\nsource = { ports = '20001', health_ports = '20002' }", other, true},
		{"health ports alone", "primary = 'a:1'\nsource = { ports = '20001', health_ports = '20002' }", byDefault, true},
		{"a source without anything", "primary = 'a:1'\nsource = { ports = '20001' }", byDefault, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := upstreamOf(t, tc.text)
			if diff := cmp.Diff(tc.want, u.HealthOrDefault(), placeless); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := u.ActiveChecks(); got != tc.active {
				t.Errorf("active checks: %t, want %t", got, tc.active)
			}
		})
	}
}

// What is asked of sessions alone still says how often they have to fail.
func TestHealthOfSourceWithoutHealthPorts(t *testing.T) {
	text := strings.Replace(application, `upstream.primary = "builtin:echo"`,
		"upstream = { primary = 'a:1', health = { fall = 7 }, source = { ports = '20001' } }", 1)
	cfg, problems := Parse("config.toml", []byte(text))
	if problems.HasErrors() || len(problems) != 1 {
		t.Fatalf("problems = %v, want one warning", problems)
	}
	u := cfg.Applications[0].Upstream
	if u.ActiveChecks() || u.HealthOrDefault().Fall != 7 {
		t.Errorf("active checks: %t, health %+v", u.ActiveChecks(), u.HealthOrDefault())
	}
}

func TestPortsFor(t *testing.T) {
	own, backup := []policy.PortRange{{First: 1, Last: 2}}, []policy.PortRange{{First: 3, Last: 4}}
	for _, tc := range []struct {
		name          string
		source        Source
		primary, back []policy.PortRange
	}{
		{"none", Source{}, nil, nil},
		{"the same", Source{Ports: own}, own, own},
		{"others", Source{Ports: own, BackupPorts: backup}, own, backup},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := [][]policy.PortRange{tc.source.PortsFor(false), tc.source.PortsFor(true)}
			if diff := cmp.Diff([][]policy.PortRange{tc.primary, tc.back}, got); diff != "" {
				t.Errorf("primary and backup (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNameOf(t *testing.T) {
	u := upstreamOf(t, "parallel = ['one.example.com:1', '10.0.0.2:1', '[2001:db8::3]:1']\ntls = {}")
	var names []string
	for _, e := range u.Endpoints() {
		names = append(names, u.TLS.NameOf(e.Value))
	}
	if diff := cmp.Diff([]string{"one.example.com", "10.0.0.2", "2001:db8::3"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	u = upstreamOf(t, "primary = 'one.example.com:1'\nbackup = 'unix:/run/x.sock'\ntls = { server_name = 'both.example.com' }")
	for _, e := range u.Endpoints() {
		if got := u.TLS.NameOf(e.Value); got != "both.example.com" {
			t.Errorf("%s has the name %q", e.Value, got)
		}
	}
}

// The file that fixed the keys and their meaning is one that works.
func TestContract(t *testing.T) {
	data, err := os.ReadFile("testdata/contract.toml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := Parse("config.toml", data)
	if problems.HasErrors() {
		t.Fatalf("problems:\n%v", problems)
	}
	var warnings []string
	for _, p := range problems {
		warnings = append(warnings, p.Key+": "+p.Message)
	}
	want := []string{
		"application[0].upstream.balance: has no effect without parallel", // written there to show its words
		"application[0].port[0].listen: an auto-detect port that can be reached from the network accepts plaintext as well",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	egress := &cfg.Applications[1].Upstream
	if !egress.ActiveChecks() || egress.Source.Wait != 2*time.Second || len(egress.Endpoints()) != 2 {
		t.Errorf("the client's side: %+v", egress)
	}
}
