package firewall_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/firewall"
	"sallyport/policy"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// voice is the policy that cases begin with: a client with source ports, and a network that may speak either.
func voice() *policy.Source {
	return &policy.Source{
		Ports: []policy.Port{
			{Application: "cs", ID: "secure", Mode: policy.Secure, ClientAuth: true},
			{Application: "cs", ID: "auto", Mode: policy.AutoDetect},
		},
		Clients: []policy.Client{
			{Name: "east", Addresses: prefixes("10.2.0.5", "2001:db8::5"), Ports: ranges("20001-20004")},
			{Name: "lan", Addresses: prefixes("10.3.0.0/16")},
		},
		Rules: []policy.Rule{
			{ID: "east-cs", From: []string{"east"}, To: []string{"cs/secure"}},
			{ID: "lan-cs", From: []string{"lan"}, To: []string{"cs/auto"}, TLS: policy.TLSAny},
		},
	}
}

// inputs is what a case may change.
type inputs struct {
	*firewall.Input
	src *policy.Source
}

// secure and auto are the services of the ports.
func (in *inputs) secure() *firewall.Service { return &in.Services[0] }
func (in *inputs) auto() *firewall.Service   { return &in.Services[1] }

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, prefix(text))
	}
	return all
}

func ranges(texts ...string) []policy.PortRange {
	var all []policy.PortRange
	for _, text := range texts {
		r, err := policy.ParsePortRange(text)
		if err != nil {
			panic(err)
		}
		all = append(all, r)
	}
	return all
}

func addrPorts(texts ...string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, text := range texts {
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

func listening(text string) netip.AddrPort {
	if port, every := strings.CutPrefix(text, ":"); every {
		return netip.AddrPortFrom(netip.Addr{}, netip.MustParseAddrPort("0.0.0.0:"+port).Port())
	}
	return netip.MustParseAddrPort(text)
}

func compile(t testing.TB, src *policy.Source) *policy.Set {
	t.Helper()
	set, faults := policy.Compile(src, now)
	if set == nil {
		t.Fatal(faults)
	}
	return set
}

// build makes the matrix of the policy at two addresses, after a change.
func build(t testing.TB, change func(*inputs)) (*firewall.Matrix, error) {
	t.Helper()
	in := &inputs{src: voice(), Input: &firewall.Input{
		At: firewall.AtHost, Now: now, Header: firewall.Header{Host: "cti-1"},
		Services: []firewall.Service{
			{Application: "cs", Port: "secure", Listen: listening("10.1.0.4:443")},
			{Application: "cs", Port: "auto", Listen: listening("10.1.0.4:2020")},
		},
	}}
	change(in)
	if in.src != nil {
		in.Policy = compile(t, in.src)
	}
	return firewall.Build(in.Input)
}

// lines writes what matters of a matrix: flows, guards and what is said besides.
func lines(m *firewall.Matrix) []string {
	end := func(e firewall.End) string {
		ports := e.Ports.String()
		if e.Ports == firewall.AnyPort() {
			ports = "any"
		}
		return strings.TrimSpace(e.Name + " " + policy.PrefixText(e.Prefix) + ":" + ports)
	}
	var all []string
	for i := range m.Flows {
		f := &m.Flows[i]
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s: %s > %s %s %s", f.Action, f.Rule, end(f.Source), end(f.Destination), f.Direction, f.TLS)))
	}
	for _, g := range m.Guards {
		text := fmt.Sprintf("guard %s %s:%d %s", g.Name, policy.PrefixText(g.Destination), g.Port, g.Direction)
		if len(g.Open) == 0 {
			text += ", closed"
		}
		all = append(all, text)
	}
	return append(all, m.Header.Notes[2:]...) // the first two are in all of them
}

type buildCase struct {
	name   string
	change func(*inputs)
	want   []string
}

func checkBuild(t *testing.T, cases []buildCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := build(t, c.change)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(m)); diff != "" {
				t.Errorf("matrix (-want +got):\n%s", diff)
			}
		})
	}
}

// one leaves the service that is pinned, with its rule.
func one(in *inputs) {
	in.Services = in.Services[:1]
}

func TestBuildByPosition(t *testing.T) {
	at := func(p firewall.Position) func(*inputs) {
		return func(in *inputs) { in.At = p }
	}
	for p, direction := range map[firewall.Position]string{
		firewall.AtHost: "inbound", firewall.AtServer: "inbound", firewall.AtClient: "outbound", firewall.AtBetween: "transit",
	} {
		checkBuild(t, []buildCase{{string(p), at(p), []string{
			"permit east-cs: east 10.2.0.5:20001-20004 > cs/secure 10.1.0.4:443 " + direction + " required",
			"permit lan-cs: lan 10.3.0.0/16:any > cs/auto 10.1.0.4:2020 " + direction + " any",
			"guard cs/secure 10.1.0.4:443 " + direction,
			"guard cs/auto 10.1.0.4:2020 " + direction,
		}}})
	}
}

func TestBuildWhereServicesListen(t *testing.T) {
	const (
		east = "permit east-cs: east 10.2.0.5:20001-20004 > cs/secure "
		six  = "permit east-cs: east 2001:db8::5:20001-20004 > cs/secure "
	)
	listen := func(p firewall.Position, text string, reached ...string) func(*inputs) {
		return func(in *inputs) {
			one(in)
			in.At = p
			in.secure().Listen, in.secure().ReachedAt = listening(text), addrPorts(reached...)
		}
	}
	unknown := func(p firewall.Position, why string, reached ...string) func(*inputs) {
		return func(in *inputs) {
			one(in)
			in.At = p
			in.secure().Listen, in.secure().Unknown, in.secure().ReachedAt = netip.AddrPort{}, why, addrPorts(reached...)
		}
	}
	checkBuild(t, []buildCase{
		{"IPv6", listen(firewall.AtHost, "[2001:db8::4]:443"), []string{
			six + "2001:db8::4:443 inbound required", "guard cs/secure 2001:db8::4:443 inbound"}},
		{"every address", listen(firewall.AtHost, ":443"), []string{
			east + "0.0.0.0/0:443 inbound required",
			six + "::/0:443 inbound required",
			"guard cs/secure 0.0.0.0/0:443 inbound",
			"guard cs/secure ::/0:443 inbound"}},
		{"every IPv4 address", listen(firewall.AtServer, "0.0.0.0:443"), []string{
			east + "0.0.0.0/0:443 inbound required", "guard cs/secure 0.0.0.0/0:443 inbound"}},
		{"every IPv6 address", listen(firewall.AtHost, "[::]:443"), []string{
			six + "::/0:443 inbound required", "guard cs/secure ::/0:443 inbound"}},
		{"the host itself has no use for where others find it", listen(firewall.AtHost, ":443", "192.0.2.1:8443"), []string{
			east + "0.0.0.0/0:443 inbound required",
			six + "::/0:443 inbound required",
			"guard cs/secure 0.0.0.0/0:443 inbound",
			"guard cs/secure ::/0:443 inbound"}},
		{"others find it elsewhere, in both families", listen(firewall.AtBetween, ":443", "192.0.2.1:8443", "[2001:db8::1]:443"), []string{
			east + "192.0.2.1:8443 transit required",
			six + "2001:db8::1:443 transit required",
			"guard cs/secure 192.0.2.1:8443 transit",
			"guard cs/secure 2001:db8::1:443 transit"}},
		{"an address that is told twice", listen(firewall.AtClient, ":443", "192.0.2.1:443", "192.0.2.1:443"), []string{
			east + "192.0.2.1:443 outbound required", "guard cs/secure 192.0.2.1:443 outbound"}},
		{"elsewhere, though it has an address of its own", listen(firewall.AtBetween, "10.1.0.4:443", "192.0.2.1:443"), []string{
			east + "192.0.2.1:443 transit required", "guard cs/secure 192.0.2.1:443 transit"}},
		{"loopback", listen(firewall.AtHost, "127.0.0.1:443"), []string{
			"cs/secure listens on 127.0.0.1:443, which no firewall sees."}},
		{"a UNIX socket", unknown(firewall.AtHost, "on unix:/run/cs.sock"), []string{
			"cs/secure listens on unix:/run/cs.sock and is left out."}},
		{"a socket of systemd that is known", unknown(firewall.AtHost, "on systemd:cs", "10.1.0.4:443"), []string{
			east + "10.1.0.4:443 inbound required", "guard cs/secure 10.1.0.4:443 inbound"}},
		{"a family that no client has", func(in *inputs) {
			in.Services = in.Services[1:]
			in.Services[0].Listen = listening("[2001:db8::4]:2020")
		}, []string{"guard cs/auto 2001:db8::4:2020 inbound, closed"}},
	})
}

func TestBuildBehindBalancers(t *testing.T) {
	const (
		alone    = "cs/secure is reached through balancers alone, which say who the client is: its clients' own addresses and ports are seen between them and the balancers."
		balancer = "permit balancer/cs/secure: 10.9.0.0/30:any > cs/secure "
	)
	behind := func(p firewall.Position, listen string, reached ...string) func(*inputs) {
		return func(in *inputs) {
			one(in)
			in.At = p
			s := in.secure()
			s.Balancers, s.Listen, s.ReachedAt = prefixes("10.9.0.0/30", "2001:db8:9::/64", "127.0.0.1"), listening(listen), addrPorts(reached...)
		}
	}
	checkBuild(t, []buildCase{
		{"at the host", behind(firewall.AtHost, "10.1.0.4:443", "192.0.2.1:443"), []string{
			balancer + "10.1.0.4:443 inbound",
			"permit balancer/cs/secure: 127.0.0.1:any > cs/secure 10.1.0.4:443 inbound",
			"guard cs/secure 10.1.0.4:443 inbound",
			alone}},
		{"both ways, on the way", behind(firewall.AtBetween, "10.1.0.4:443", "192.0.2.1:443"), []string{
			balancer + "10.1.0.4:443 transit",
			"permit east-cs: east 10.2.0.5:20001-20004 > cs/secure 192.0.2.1:443 transit required",
			"guard cs/secure 10.1.0.4:443 transit",
			"guard cs/secure 192.0.2.1:443 transit"}},
		{"balancers at an unknown place", behind(firewall.AtBetween, "10.1.0.4:443"), []string{
			balancer + "10.1.0.4:443 transit", "guard cs/secure 10.1.0.4:443 transit", alone}},
		{"every address", behind(firewall.AtBetween, ":443", "192.0.2.1:443"), []string{
			"permit east-cs: east 10.2.0.5:20001-20004 > cs/secure 192.0.2.1:443 transit required",
			"guard cs/secure 192.0.2.1:443 transit",
			"cs/secure listens on every address of its host, so the way from its balancers is left out."}},
		{"a socket of systemd at the host", func(in *inputs) {
			behind(firewall.AtHost, ":443", "10.1.0.4:443")(in)
			in.secure().Listen, in.secure().Unknown = netip.AddrPort{}, "on systemd:cs"
		}, []string{
			balancer + "10.1.0.4:443 inbound",
			"permit balancer/cs/secure: 127.0.0.1:any > cs/secure 10.1.0.4:443 inbound",
			"guard cs/secure 10.1.0.4:443 inbound",
			alone}},
	})
}

func TestBuildPins(t *testing.T) {
	pins := func(all ...firewall.Pin) func(*inputs) {
		return func(in *inputs) {
			in.src, in.Services, in.Pins = nil, nil, all
		}
	}
	pin := firewall.Pin{Application: "out", Use: "sessions", Addresses: addrs("10.1.0.4", "2001:db8::4"), Ports: ranges("20001-20004", "20009"),
		Destination: addrPorts("192.0.2.9:2020")[0], TLS: true}
	with := func(p firewall.Pin, change func(*firewall.Pin)) firewall.Pin {
		change(&p)
		return p
	}
	six := with(pin, func(p *firewall.Pin) { p.Destination, p.TLS = addrPorts("[2001:db8::9]:2020")[0], false })
	anywhere := with(pin, func(p *firewall.Pin) { p.Addresses, p.Ports = nil, ranges("20001") })
	const open = "out has no source address, so its flows are open to every address with these source ports."
	checkBuild(t, []buildCase{
		{"ports and addresses", pins(pin, six), []string{
			"permit upstream/out: cti-1 10.1.0.4:20001-20004 > out 192.0.2.9:2020 outbound required",
			"permit upstream/out: cti-1 10.1.0.4:20009 > out 192.0.2.9:2020 outbound required",
			"permit upstream/out: cti-1 2001:db8::4:20001-20004 > out 2001:db8::9:2020 outbound plaintext",
			"permit upstream/out: cti-1 2001:db8::4:20009 > out 2001:db8::9:2020 outbound plaintext",
			"guard out 192.0.2.9:2020 outbound",
			"guard out 2001:db8::9:2020 outbound"}},
		{"no address", pins(anywhere, with(anywhere, func(p *firewall.Pin) { p.Destination = six.Destination })), []string{
			"permit upstream/out: cti-1 0.0.0.0/0:20001 > out 192.0.2.9:2020 outbound required",
			"permit upstream/out: cti-1 ::/0:20001 > out 2001:db8::9:2020 outbound required",
			"guard out 192.0.2.9:2020 outbound",
			"guard out 2001:db8::9:2020 outbound",
			open}},
		{"an address alone", pins(with(pin, func(p *firewall.Pin) { p.Ports = nil })), []string{
			"permit upstream/out: cti-1 10.1.0.4:any > out 192.0.2.9:2020 outbound required", "guard out 192.0.2.9:2020 outbound"}},
		{"no address of the family", pins(with(pin, func(p *firewall.Pin) { p.Addresses = addrs("2001:db8::4") })), []string{
			"guard out 192.0.2.9:2020 outbound, closed"}},
		{"loopback", pins(with(pin, func(p *firewall.Pin) { p.Destination = addrPorts("127.0.0.1:2020")[0] })), []string{
			"out connects to 127.0.0.1:2020, which no firewall sees."}},
		{"sessions, backup and checks", pins(
			with(pin, func(p *firewall.Pin) { p.Ports = ranges("20001") }),
			with(pin, func(p *firewall.Pin) {
				p.Ports, p.Use, p.Destination = ranges("20011"), "sessions of the backup", addrPorts("192.0.2.10:2020")[0]
			}),
			with(pin, func(p *firewall.Pin) { p.Ports, p.Use = ranges("20021"), "health checks" }),
		), []string{
			"permit upstream/out: cti-1 10.1.0.4:20001 > out 192.0.2.9:2020 outbound required",
			"permit upstream/out: cti-1 10.1.0.4:20021 > out 192.0.2.9:2020 outbound required",
			"permit upstream/out: cti-1 10.1.0.4:20011 > out 192.0.2.10:2020 outbound required",
			"guard out 192.0.2.9:2020 outbound",
			"guard out 192.0.2.10:2020 outbound"}},
		{"two applications to one server", pins(
			with(pin, func(p *firewall.Pin) { p.Ports = ranges("20001") }),
			with(pin, func(p *firewall.Pin) { p.Application, p.Ports = "other", ranges("20002") }),
		), []string{
			"permit upstream/other: cti-1 10.1.0.4:20002 > other 192.0.2.9:2020 outbound required",
			"permit upstream/out: cti-1 10.1.0.4:20001 > out 192.0.2.9:2020 outbound required",
			"guard out 192.0.2.9:2020 outbound"}},
		{"one application of them", func(in *inputs) {
			pins(pin, with(pin, func(p *firewall.Pin) { p.Application, p.Ports = "other", ranges("20002") }))(in)
			in.Application = "other"
		}, []string{
			"permit upstream/other: cti-1 10.1.0.4:20002 > other 192.0.2.9:2020 outbound required", "guard other 192.0.2.9:2020 outbound"}},
		{"at the server they come in", func(in *inputs) {
			pins(with(pin, func(p *firewall.Pin) { p.Ports = ranges("20001") }))(in)
			in.At = firewall.AtServer
		}, []string{
			"permit upstream/out: cti-1 10.1.0.4:20001 > out 192.0.2.9:2020 inbound required", "guard out 192.0.2.9:2020 inbound"}},
	})
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*inputs)
		want   []string
	}{
		{"services at every address, all of them", func(in *inputs) {
			in.At = firewall.AtBetween
			in.secure().Listen, in.auto().Listen = listening(":443"), listening("0.0.0.0:2020")
		}, []string{
			"cs/secure listens on :443, every address of its host: which one do clients connect to?",
			"cs/auto listens on 0.0.0.0:2020, every address of its host: which one do clients connect to?",
		}},
		{"a client alone elsewhere than at itself", func(in *inputs) { in.Client = "east" }, []string{
			`the flows of a single client are those of its own firewall, and everywhere else the other clients would be denied: take them at the position "client"`}},
		{"one address within another", func(in *inputs) { in.auto().Listen = listening(":443") }, []string{
			"cs/auto at 0.0.0.0/0 and cs/secure at 10.1.0.4 overlap at port 443: what is denied to the one, the other would open"}},
		{"two services at one place", func(in *inputs) {
			in.At = firewall.AtBetween
			in.secure().ReachedAt, in.auto().ReachedAt = addrPorts("192.0.2.1:443"), addrPorts("192.0.2.1:443")
		}, []string{"cs/secure and cs/auto are both found at 192.0.2.1 port 443"}},
		{"a place without a port", func(in *inputs) {
			in.secure().Listen, in.secure().Unknown, in.secure().ReachedAt = netip.AddrPort{}, "on systemd:cs", addrPorts("192.0.2.1:0")
		}, []string{"cs/secure listens on systemd:cs: at which port of 192.0.2.1 do clients connect to it?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := build(t, c.change)
			if m != nil || err == nil {
				t.Fatalf("matrix %v, error %v", m != nil, err)
			}
			if diff := cmp.Diff(c.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if where := strings.Contains(err.Error(), "which one"); errors.Is(err, firewall.ErrWhere) != where {
				t.Errorf("%v is ErrWhere: %t", err, !where)
			}
		})
	}
}
