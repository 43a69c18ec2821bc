package export

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

var updateDevices = flag.Bool("update-devices", false, "write what is exported for devices into testdata")

// hostile is text of a policy that tries to leave every place where an artefact can have it.
const hostile = "voice \"team\" '`$(reboot)` ${file(\"/etc/passwd\")} %{if true} [concat('x')] {{resolve:ssm:x}} ]]> */ --> # ! ?\r\naccess-list SALLYPORT-INBOUND " +
	"extended permit ip any any\n- name: evil\u0085evil: true\u2028\u202eevil\ufeff\x00\x1b[2J"

func prefixList(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// deviceSource is a policy with everything in it that a device can have to hold.
func deviceSource() *policy.Source {
	day := func(text string) time.Time {
		at, _ := time.Parse(time.DateOnly, text)
		return at
	}
	return &policy.Source{
		Ports: []policy.Port{
			{Application: "config-server", ID: "secure", Mode: policy.Secure, ClientAuth: true, Exposed: true, Origins: policy.IPOrigin},
			{Application: "config-server", ID: "upgrade", Mode: policy.AutoDetect, Exposed: true, Origins: policy.IPv4Origin},
			{Application: "stat", ID: "skinny", Mode: policy.Plaintext, Exposed: true, Origins: policy.IPv4Origin},
		},
		Clients: []policy.Client{
			{
				Name: "t-server-east", Addresses: prefixList("10.2.0.5/32", "2001:db8:2::5/128"),
				Ports: []policy.PortRange{{First: 20001, Last: 20004}, {First: 20011, Last: 20011}}, Identities: []policy.Identity{{Kind: policy.DNSName, Value: "tserver.example.com"}},
			},
			{Name: "ops", Addresses: prefixList("10.9.0.0/16", "2001:db8:9::/48")},
			{
				Name: "reporting", Addresses: prefixList("10.2.0.8/32", "10.2.0.9/32", "10.2.0.128/25", "203.0.113.9/32"),
				Ports: []policy.PortRange{{First: 20021, Last: 20022}}, RequireTLS: true,
			},
		},
		Rules: []policy.Rule{
			{
				ID: "tserver-to-config", From: []string{"t-server-east"}, To: []string{"config-server/secure"},
				Owner: "voice team", Ticket: "CHG-1234", Reason: "T-Server registration", Expires: day("2027-01-01"),
			},
			{ID: "ops-any", From: []string{"ops"}, To: []string{"config-server/upgrade", "config-server/secure"}, TLS: policy.TLSAny, Owner: hostile, Ticket: hostile, Reason: hostile},
			{ID: "reporting", From: []string{"reporting", "10.2.0.64/26"}, To: []string{"config-server/*"}, Owner: "B\u00fcro", Expires: day("2036-05-31")},
		},
		Blocks: []policy.Block{
			{ID: "scanner", Addresses: prefixList("203.0.113.0/24", "10.9.3.0/24", "2001:db8:9:bad::/64"), Reason: hostile},
		},
	}
}

// deviceMatrix is that policy as a firewall sees it from a position, with an egress configuration beside it.
func deviceMatrix(t *testing.T, at firewall.Position) *firewall.Matrix {
	t.Helper()
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	set, faults := policy.Compile(deviceSource(), now)
	if set == nil {
		t.Fatalf("the policy is no good: %v", faults)
	}
	m, err := firewall.Build(&firewall.Input{
		Policy: set, At: at, Now: now,
		Services: []firewall.Service{
			{
				Application: "config-server", Port: "secure", Listen: netip.AddrPortFrom(netip.Addr{}, 2021),
				ReachedAt: []netip.AddrPort{netip.MustParseAddrPort("10.1.0.4:2021"), netip.MustParseAddrPort("10.1.0.14:2021"), netip.MustParseAddrPort("[2001:db8:1::4]:2021")},
			},
			{Application: "config-server", Port: "upgrade", Listen: netip.MustParseAddrPort("10.1.0.4:12020")},
			{Application: "stat", Port: "skinny", Listen: netip.MustParseAddrPort("10.1.0.5:2000")},
		},
		Pins: []firewall.Pin{
			{
				Application: "bridge", Use: "sessions", Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.4"), netip.MustParseAddr("2001:db8:1::4")},
				Ports: []policy.PortRange{{First: 21001, Last: 21004}}, Destination: netip.MustParseAddrPort("10.7.0.1:5432"), TLS: true,
			},
			{
				Application: "bridge", Use: "health checks", Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.4")},
				Ports: []policy.PortRange{{First: 21009, Last: 21009}}, Destination: netip.MustParseAddrPort("10.7.0.1:5432"), TLS: true,
			},
			{Application: "anywhere", Use: "sessions", Destination: netip.MustParseAddrPort("[2001:db8:7::1]:443"), TLS: true},
		},
		Header: firewall.Header{Host: "cti-1 " + hostile, PolicyHash: "sha256:0123456789abcdef", Names: []firewall.Resolved{
			{Name: "db.example.com", Addresses: []netip.Addr{netip.MustParseAddr("10.7.0.1")}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// written writes a matrix in a format.
func written(t *testing.T, format string, m *firewall.Matrix, o Options) *Artefact {
	t.Helper()
	f, err := Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Write(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// devices are the formats that devices read.
var devices = []struct {
	name     string
	weaker   bool // no source ports
	ends     bool // only at an end of the connection
	attached bool // to workloads, without addresses of its own side
	read     func(*testing.T, *Artefact) device
}{
	{"aerleon", false, false, false, readAerleon},
	{"cisco-asa", false, false, false, readASA},
	{"azure-nsg", false, true, false, readAzure},
	{"kubernetes", true, true, true, readKubernetes},
	{"aws-sg", true, true, true, readAWS},
	{"gcp", true, true, false, readGCP},
}

// device says what becomes of a attempt that opens a connection.
type device func(firewall.Direction, attempt) outcome

type attempt struct {
	workload string // on this side, for devices that know no addresses of theirs
	from, to netip.AddrPort
}

type outcome string

const (
	passed  outcome = "passed"
	refused outcome = "denied"
	foreign outcome = "left to other rules"
)

var positions = []firewall.Position{firewall.AtHost, firewall.AtServer, firewall.AtClient, firewall.AtBetween}

// Every device lets pass what the matrix does, at the edges of all that is open or closed, and nothing else; those
// that know no source ports, what passed from some port.
func TestDevicesAgree(t *testing.T) {
	for _, d := range devices {
		for _, at := range positions {
			if d.ends && at == firewall.AtBetween {
				continue
			}
			t.Run(d.name+"/"+string(at), func(t *testing.T) {
				m := deviceMatrix(t, at)
				judge := d.read(t, written(t, d.name, m, Options{}))
				asked := 0
				for i := range m.Guards {
					if g := &m.Guards[i]; d.attached && g.Direction == firewall.Outbound {
						asked += agreeOutbound(t, g, judge, m)
					} else {
						asked += agree(t, g, judge, d.weaker)
					}
				}
				if asked < 10 || asked < 200 && !d.attached {
					t.Errorf("only %d packets were tried", asked)
				}
			})
		}
	}
}

func agree(t *testing.T, g *firewall.Guard, judge device, weaker bool) (asked int) {
	t.Helper()
	allowed := g.Allowed()
	to := netip.AddrPortFrom(someAddress(g.Destination), g.Port)
	for _, from := range edges(g) {
		want := refused
		if weaker && slices.ContainsFunc(allowed, func(s firewall.Slab) bool { return !from.Addr().Less(s.First) && !s.Last.Less(from.Addr()) }) {
			want = passed
		}
		if allowed.Find(from) != nil {
			want = passed
		}
		asked++
		if got := judge(g.Direction, attempt{application(g.Name), from, to}); got != want {
			t.Fatalf("%s %s from %s to %s: the device says %s, and the matrix %s", g.Direction, g.Name, from, to, got, want)
		}
	}
	return asked
}

// agreeOutbound asks a device that knows only where packets of a workload go.
func agreeOutbound(t *testing.T, g *firewall.Guard, judge device, m *firewall.Matrix) (asked int) {
	t.Helper()
	want := make(map[string]outcome) // by workload
	for i := range m.Flows {
		f := &m.Flows[i]
		name := (&statement{flow: f}).workload()
		if f.Action != firewall.Permit || f.Direction != firewall.Outbound {
			continue
		}
		if want[name] == "" {
			want[name] = refused
		}
		source := firewall.RegionOf(firewall.PatchesOf([]netip.Prefix{f.Source.Prefix}, []policy.PortRange{f.Source.Ports}, 0))
		if f.Destination.Prefix == g.Destination && f.Destination.Ports.First == g.Port && len(source.Common(g.Allowed())) > 0 {
			want[name] = passed
		}
	}
	for name, want := range want {
		asked++
		p := attempt{workload: name, to: netip.AddrPortFrom(g.Destination.Addr(), g.Port)}
		if got := judge(firewall.Outbound, p); got != want {
			t.Errorf("%s to %s: the device says %s, and the matrix %s", name, p.to, got, want)
		}
	}
	return asked
}

func someAddress(p netip.Prefix) netip.Addr {
	switch {
	case p.Bits() > 0:
		return p.Addr()
	case p.Addr().Is4():
		return netip.MustParseAddr("10.1.0.77")
	default:
		return netip.MustParseAddr("2001:db8:1::77")
	}
}

// edges returns the sources at which something begins or ends for a guard, with those beside them.
func edges(g *firewall.Guard) []netip.AddrPort {
	var addresses []netip.Addr
	ports := []int{1, 40000, 65535}
	for _, slab := range slices.Concat(g.Open, g.Closed) {
		addresses = append(addresses, slab.First, slab.Last, slab.First.Prev(), slab.Last.Next())
		for _, span := range slab.Spans {
			ports = append(ports, int(span.First), int(span.Last), int(span.First)-1, int(span.Last)+1)
		}
	}
	addresses = append(addresses, policy.LastOf(everythingElse(g).Source.Prefix), everythingElse(g).Source.Prefix.Addr())
	var all []netip.AddrPort
	for _, a := range each(addresses) {
		for _, p := range each(ports) {
			if a.IsValid() && p > 0 && p <= 65535 {
				all = append(all, netip.AddrPortFrom(a, uint16(p)))
			}
		}
	}
	return all
}

// What is not ours is left alone by every device that has an order of its rules.
func TestDevicesLeaveOthersAlone(t *testing.T) {
	for _, d := range devices[:3] {
		t.Run(d.name, func(t *testing.T) {
			m := deviceMatrix(t, firewall.AtHost)
			judge := d.read(t, written(t, d.name, m, Options{}))
			for _, to := range []string{"10.1.0.4:22", "10.1.0.4:2020", "10.1.0.4:2022", "[2001:db8:1::4]:2000", "10.1.0.6:2000"} {
				p := attempt{from: netip.MustParseAddrPort("10.9.3.1:20001"), to: netip.MustParseAddrPort(to)}
				if p.to.Addr().Is6() {
					p.from = netip.MustParseAddrPort("[2001:db8:9:bad::1]:20001")
				}
				if got := judge(firewall.Inbound, p); got != foreign {
					t.Errorf("from %s to %s: it is %s, want %s", p.from, p.to, got, foreign)
				}
			}
		})
	}
}

// The files in testdata were read line by line against the documentation of the devices.
func TestDeviceFiles(t *testing.T) {
	for _, d := range devices {
		t.Run(d.name, func(t *testing.T) {
			for _, f := range written(t, d.name, deviceMatrix(t, firewall.AtHost), Options{}).Files {
				path := filepath.Join("testdata", "devices", d.name, filepath.FromSlash(f.Name))
				if *updateDevices {
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, f.Data, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(f.Data)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
		})
	}
}

func TestDeviceFilesAreTheSameAgain(t *testing.T) {
	for _, d := range devices {
		t.Run(d.name, func(t *testing.T) {
			one := written(t, d.name, deviceMatrix(t, firewall.AtClient), Options{})
			two := written(t, d.name, deviceMatrix(t, firewall.AtClient), Options{})
			if diff := cmp.Diff(one, two); diff != "" {
				t.Errorf("(-one +two):\n%s", diff)
			}
		})
	}
}

// Whatever a policy says is on one line, and no line is of its making.
func TestDeviceFilesAreNotBrokenByTexts(t *testing.T) {
	for _, d := range devices {
		t.Run(d.name, func(t *testing.T) {
			for _, f := range written(t, d.name, deviceMatrix(t, firewall.AtHost), Options{}).Files {
				for n, line := range strings.Split(string(f.Data), "\n") {
					if line != oneLine(line) {
						t.Errorf("%s:%d: %q has characters of another line, or none that can be seen", f.Name, n+1, line)
					}
					if text := strings.TrimSpace(line); strings.HasPrefix(text, "access-list SALLYPORT-INBOUND extended permit ip") || strings.HasPrefix(text, "- name: evil") {
						t.Errorf("%s:%d: %q was written by the policy", f.Name, n+1, line)
					}
				}
			}
		})
	}
}

// Where there is nothing to guard, what is written is nothing, in the form that the device reads.
func TestDevicesWithoutFlows(t *testing.T) {
	for _, d := range devices {
		t.Run(d.name, func(t *testing.T) {
			f, err := Lookup(d.name)
			if err != nil {
				t.Fatal(err)
			}
			a, err := f.Write(&firewall.Matrix{At: firewall.AtHost}, Options{})
			if d.name == "aws-sg" {
				if err == nil || !strings.Contains(err.Error(), "a template needs one") {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range a.Files {
				if text := string(file.Data); strings.Contains(text, "null") {
					t.Errorf("%s has null:\n%s", file.Name, text)
				}
			}
		})
	}
}

func TestDevicesBetween(t *testing.T) {
	for _, d := range devices {
		if !d.ends {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			f, err := Lookup(d.name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Write(deviceMatrix(t, firewall.AtBetween), Options{})
			if err == nil || !strings.Contains(err.Error(), "\n  hint: --at server") {
				t.Errorf("the error is %v, want one with a hint", err)
			}
		})
	}
}

// Every restriction that is lost is named for its rule and client, in the artefact, too.
func TestDeviceLosses(t *testing.T) {
	ports := []string{
		"rule reporting: source ports 20021-20022 of reporting (10.2.0.8/31, 10.2.0.128/25, 203.0.113.9) to config-server/secure",
		"rule reporting: source ports 20021-20022 of reporting (10.2.0.8/31, 10.2.0.128/25, 203.0.113.9) to config-server/upgrade",
		"rule tserver-to-config: source ports 20001-20004, 20011 of t-server-east (10.2.0.5) to config-server/secure",
		"rule tserver-to-config: source ports 20001-20004, 20011 of t-server-east (2001:db8:2::5) to config-server/secure",
	}
	late := []string{
		"rule reporting: last day 2036-05-31 of 10.2.0.64/26 to config-server/secure",
		"rule reporting: last day 2036-05-31 of 10.2.0.64/26 to config-server/upgrade",
		"rule reporting: last day 2036-05-31 of reporting (10.2.0.8/31, 10.2.0.128/25, 203.0.113.9) to config-server/secure",
		"rule reporting: last day 2036-05-31 of reporting (10.2.0.8/31, 10.2.0.128/25, 203.0.113.9) to config-server/upgrade",
	}
	soon := []string{
		"rule tserver-to-config: last day 2027-01-01 of t-server-east (10.2.0.5) to config-server/secure",
		"rule tserver-to-config: last day 2027-01-01 of t-server-east (2001:db8:2::5) to config-server/secure",
	}
	want := map[string][]string{
		"cisco-asa": late, "azure-nsg": slices.Concat(late, soon),
		"kubernetes": slices.Concat(ports, late, soon), "aws-sg": slices.Concat(ports, late, soon), "gcp": slices.Concat(ports, late, soon),
	}
	m := deviceMatrix(t, firewall.AtServer)
	m.Flows = slices.DeleteFunc(slices.Clone(m.Flows), func(f firewall.Flow) bool { return f.Origin == firewall.FromPin })
	for _, d := range devices {
		t.Run(d.name, func(t *testing.T) {
			a := written(t, d.name, m, Options{})
			var got []string
			for _, l := range a.Losses {
				got = append(got, l.String())
			}
			slices.Sort(got)
			lines := slices.Clone(want[d.name])
			for i := range lines {
				lines[i] = "weaker than the policy: " + lines[i]
			}
			slices.Sort(lines)
			if diff := cmp.Diff(lines, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, line := range lines {
				if text := string(a.Files[0].Data); !strings.Contains(text, line) {
					t.Errorf("the artefact does not say %q", line)
				}
			}
		})
	}
}

// crowd is a matrix of clients with an address and a port each.
func crowd(t testing.TB, clients int) *firewall.Matrix {
	t.Helper()
	src := &policy.Source{Ports: []policy.Port{{Application: "a", ID: "p", Mode: policy.Secure, Exposed: true, Origins: policy.IPv4Origin}}}
	rule := policy.Rule{ID: "all", To: []string{"a/p"}, Owner: "o"}
	at := netip.MustParseAddr("10.16.0.0")
	for i := range clients {
		name := fmt.Sprintf("c%d", i)
		src.Clients = append(src.Clients, policy.Client{Name: name, Addresses: []netip.Prefix{netip.PrefixFrom(at, 32)}, Ports: []policy.PortRange{{First: uint16(1024 + i%30000), Last: uint16(1024 + i%30000)}}})
		rule.From = append(rule.From, name)
		at = at.Next().Next()
	}
	src.Rules = []policy.Rule{rule}
	set, faults := policy.Compile(src, time.Now())
	if set == nil {
		t.Fatal(faults)
	}
	m, err := firewall.Build(&firewall.Input{
		Policy: set, At: firewall.AtServer, Now: time.Now(),
		Services: []firewall.Service{{Application: "a", Port: "p", Listen: netip.MustParseAddrPort("10.1.0.4:2021")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func BenchmarkDevices(b *testing.B) {
	m := crowd(b, 100_000)
	for _, d := range devices {
		b.Run(d.name, func(b *testing.B) {
			f, err := Lookup(d.name)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				a, err := f.Write(m, Options{})
				if err != nil {
					b.Log(err) // some devices do not take as many
					continue
				}
				b.SetBytes(int64(len(a.Files[0].Data)))
			}
		})
	}
}
