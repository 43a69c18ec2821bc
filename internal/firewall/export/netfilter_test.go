package export

import (
	"flag"
	"math/rand/v2"
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

var update = flag.Bool("update", false, "write what is exported into testdata, to be read line by line")

// exportDay is when the matrices of tests are made.
var exportDay = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)

// matrixOf makes a matrix of flows, which are in order, and of guards without any.
func matrixOf(flows []firewall.Flow, guards ...firewall.Guard) *firewall.Matrix {
	m := &firewall.Matrix{
		At: firewall.AtHost, Now: exportDay, Flows: flows, SourceBits: 64,
		Header: firewall.Header{Host: "cti-1", PolicyHash: "0123456789abcdef0123456789abcdef", Generation: 7, Made: exportDay},
	}
	for _, f := range flows {
		guards = append(guards, firewall.Guard{
			Name: f.Destination.Name, Direction: f.Direction, Destination: f.Destination.Prefix, Port: f.Destination.Ports.First,
		})
	}
	same := func(a, b firewall.Guard) bool {
		return a.Direction == b.Direction && a.Destination == b.Destination && a.Port == b.Port
	}
	for _, g := range guards {
		if slices.ContainsFunc(m.Guards, func(o firewall.Guard) bool { return same(g, o) }) {
			continue
		}
		var open, closed []firewall.Patch
		for i, f := range flows {
			if f.Direction != g.Direction || f.Destination.Prefix != g.Destination || f.Destination.Ports.First != g.Port {
				continue
			}
			patches := firewall.PatchesOf([]netip.Prefix{f.Source.Prefix}, []policy.PortRange{f.Source.Ports}, int32(i))
			if f.Action == firewall.Deny {
				closed = append(closed, patches...)
			} else {
				open = append(open, patches...)
			}
		}
		g.Open = firewall.RegionOf(open)
		g.Closed = firewall.RegionOf(closed).Common(g.Open)
		m.Guards = append(m.Guards, g)
	}
	return m
}

// permit is a flow of a rule; ports are "20001-20004", or "" for any.
func permit(direction firewall.Direction, rule, client, source string, ports policy.PortRange, destination string, port uint16) firewall.Flow {
	return firewall.Flow{
		Action: firewall.Permit, Origin: firewall.FromRule, Rule: rule, Direction: direction, PerClient: client != "",
		Source:      firewall.End{Name: client, Prefix: netip.MustParsePrefix(source), Ports: ports},
		Destination: firewall.End{Name: "config-server/secure", Prefix: netip.MustParsePrefix(destination), Ports: policy.PortRange{First: port, Last: port}},
	}
}

func block(direction firewall.Direction, id, source, destination string, port uint16) firewall.Flow {
	f := permit(direction, id, "", source, firewall.AnyPort(), destination, port)
	f.Action, f.Origin = firewall.Deny, firewall.FromBlock
	return f
}

func ports(first, last uint16) policy.PortRange { return policy.PortRange{First: first, Last: last} }

func perMinute(events int) policy.Limits {
	return policy.Limits{Rate: policy.Rate{Events: events, Per: time.Minute}, Burst: 20}
}

// hostMatrix has something of everything at the host of sallyport.
func hostMatrix() *firewall.Matrix {
	const hostile = "x\"; drop } # \\\n-A INPUT -j ACCEPT\u202e"
	in, out := firewall.Inbound, firewall.Outbound
	everywhere, everywhere6 := "0.0.0.0/0", "::/0"
	flows := []firewall.Flow{
		block(in, "scanner", "10.2.0.0/30", everywhere, 12020),
		block(in, "scanner", "2001:db8:66::/48", everywhere6, 12020),
		permit(in, hostile, hostile, "10.66.0.0/16", ports(1, 65535), everywhere, 12020),
		permit(in, "operators", "", "10.2.0.0/24", firewall.AnyPort(), everywhere, 12020),
		permit(in, "operators", "", "2001:db8::/32", firewall.AnyPort(), everywhere6, 12020),
		permit(in, "reporting", "reporting", "10.3.0.9/32", ports(20011, 20012), everywhere, 12020),
		permit(in, "reporting", "reporting", "10.3.0.10/32", ports(20011, 20012), everywhere, 12020),
		permit(in, "reporting", "reporting", "2001:db9::9/128", ports(20011, 20012), everywhere6, 12020),
		permit(in, "t-server", "east", "10.2.0.5/32", ports(20001, 20004), everywhere, 12020),
		permit(in, "t-server", "east", "10.2.0.5/32", ports(20011, 20011), everywhere, 12020),
		permit(in, "trial", "", "10.4.0.0/31", firewall.AnyPort(), everywhere, 12020),
		permit(in, "visitors", "", "2001:dba::/32", firewall.AnyPort(), everywhere6, 12020),
		permit(out, "upstream/cti", "cti-1", "10.1.0.7/32", ports(21001, 21002), "192.0.2.10/32", 443),
		permit(out, "upstream/cti", "cti-1", "2001:db8:1::7/128", ports(21001, 21002), "2001:db8:2::10/128", 443),
	}
	for i := range flows {
		switch f := &flows[i]; f.Rule {
		case "reporting":
			f.Limits = perMinute(600)
		case "visitors":
			f.Limits = perMinute(60)
		case "t-server":
			f.Limits = perMinute(6)
			f.Expires = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
		case "trial":
			f.Expires = exportDay
		case "upstream/cti":
			f.Origin, f.PerClient, f.Destination.Name = firewall.FromPin, false, "cti"
		}
	}
	m := matrixOf(flows, firewall.Guard{Name: "config-server/upgrade", Direction: in, Destination: netip.MustParsePrefix("10.1.0.4/32"), Port: 12021})
	m.Header.Notes = []string{"A note that is hostile: " + hostile + strings.Repeat(" and long", 30)}
	return m
}

// transitMatrix is for a device on the way, where nothing is denied explicitly.
func transitMatrix() *firewall.Matrix {
	m := matrixOf([]firewall.Flow{
		permit(firewall.Transit, "reporting", "reporting", "10.2.0.9/32", ports(20011, 20012), "10.1.0.4/32", 12020),
		permit(firewall.Transit, "reporting", "reporting", "10.2.0.9/32", ports(20011, 20012), "10.1.0.5/32", 12020),
		permit(firewall.Transit, "reporting", "reporting", "2001:db8::9/128", ports(20011, 20011), "2001:db8:1::4/128", 12020),
	})
	m.At = firewall.AtBetween
	m.Header.Made, m.Header.Generation = time.Time{}, 0
	return m
}

func TestNetfilterGolden(t *testing.T) {
	tests := []struct {
		name    string
		matrix  *firewall.Matrix
		options Options
	}{
		{"host", hostMatrix(), Options{Limits: true}},
		{"between", transitMatrix(), Options{Limits: true, Reject: true, Reproducible: true}},
	}
	for _, test := range tests {
		for _, target := range []string{"nftables", "iptables", "ip6tables"} {
			t.Run(test.name+"/"+target, func(t *testing.T) {
				got := exported(t, target, test.matrix, test.options)
				file := filepath.Join("testdata", "netfilter_"+test.name+"."+target)
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", file, diff)
				}
			})
		}
	}
}

func exported(tb testing.TB, target string, m *firewall.Matrix, o Options) string {
	tb.Helper()
	format, err := Lookup(target)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := format.Write(m, o)
	if err != nil {
		tb.Fatal(err)
	}
	return string(a.Files[0].Data)
}

// packet opens a connection.
type packet struct {
	direction   firewall.Direction
	source      netip.AddrPort
	destination netip.AddrPort
}

// passes says from the flows alone what becomes of a packet at a time.
func passes(m *firewall.Matrix, p packet, at time.Time) bool {
	guarded := slices.ContainsFunc(m.Guards, func(g firewall.Guard) bool {
		return g.Direction == p.direction && g.Destination.Contains(p.destination.Addr()) && g.Port == p.destination.Port()
	})
	permitted := false
	for i := range m.Flows {
		f := &m.Flows[i]
		switch {
		case f.Direction != p.direction || f.Destination.Ports.First != p.destination.Port() || !f.Destination.Prefix.Contains(p.destination.Addr()):
		case !f.Source.Prefix.Contains(p.source.Addr()) || !f.Source.Ports.Contains(p.source.Port()):
		case f.Action == firewall.Deny:
			return false
		case f.ExpiresAt().IsZero() || at.Before(f.ExpiresAt()):
			permitted = true
		}
	}
	return permitted || !guarded
}

// packetsAt returns packets at both sides of every edge of every source, to every guard and beside it.
func packetsAt(m *firewall.Matrix) []packet {
	var sources []netip.AddrPort
	for _, f := range m.Flows {
		first, last := f.Source.Prefix.Masked().Addr(), policy.LastOf(f.Source.Prefix)
		from, to := f.Source.Ports.First, f.Source.Ports.Last
		for _, a := range []netip.Addr{first.Prev(), first, last, last.Next()} {
			for _, p := range []uint16{from - 1, from, to, to + 1} {
				if a.IsValid() {
					sources = append(sources, netip.AddrPortFrom(a, p))
				}
			}
		}
	}
	slices.SortFunc(sources, netip.AddrPort.Compare)
	sources = slices.Compact(sources)
	var all []packet
	for _, g := range m.Guards {
		first := g.Destination.Addr()
		for _, s := range sources {
			if s.Addr().BitLen() == first.BitLen() {
				all = append(all,
					packet{g.Direction, s, netip.AddrPortFrom(first, g.Port)},
					packet{g.Direction, s, netip.AddrPortFrom(first.Next(), g.Port)},
					packet{g.Direction, s, netip.AddrPortFrom(first, g.Port+1)})
			}
		}
	}
	return all
}

// randomMatrix has few addresses and ports, so that flows overlap.
func randomMatrix(r *rand.Rand) *firewall.Matrix {
	directions := []firewall.Direction{firewall.Inbound, firewall.Outbound, firewall.Transit}
	var flows []firewall.Flow
	for i := range 1 + r.IntN(24) {
		source, destination := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(16))}), "10.1.0.4/32"
		if r.IntN(3) == 0 {
			source, destination = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(r.IntN(16))}), "::/0"
		}
		first := uint16(r.IntN(8))
		last := first + uint16(r.IntN(5))
		if r.IntN(4) == 0 {
			first, last = 0, 0xffff
		}
		prefix := netip.PrefixFrom(source, source.BitLen()-r.IntN(4)).Masked().String()
		f := permit(directions[r.IntN(3)], string(rune('a'+i)), "", prefix, ports(first, last), destination, uint16(443+r.IntN(2)))
		switch r.IntN(5) {
		case 0:
			f.Action, f.Origin, f.Source.Ports = firewall.Deny, firewall.FromBlock, firewall.AnyPort()
		case 1:
			f.Expires = exportDay.AddDate(0, 0, r.IntN(3))
		case 2:
			f.Limits = perMinute(1 + r.IntN(3))
		}
		flows = append(flows, f)
	}
	return matrixOf(flows)
}

// TestNetfilterAgrees reads artefacts back, and asks them about the edges of everything that is in the matrix.
func TestNetfilterAgrees(t *testing.T) {
	matrices := []*firewall.Matrix{hostMatrix(), transitMatrix(), matrixOf(nil)}
	r := rand.New(rand.NewPCG(7, 7))
	for range 40 {
		matrices = append(matrices, randomMatrix(r))
	}
	asked := 0
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	moments := []time.Time{exportDay, midnight.Add(-time.Second), midnight, midnight.Add(24*time.Hour - 1), midnight.Add(24 * time.Hour)}
	for number, m := range matrices {
		o := Options{Limits: number%2 == 0, Reject: number%3 == 0}
		table := readNft(t, exported(t, "nftables", m, o))
		table.wantDisjoint(t)
		chains := map[int]iptablesRules{
			32:  readIptables(t, exported(t, "iptables", m, o)),
			128: readIptables(t, exported(t, "ip6tables", m, o)),
		}
		for _, p := range packetsAt(m) {
			for _, at := range moments {
				want := passes(m, p, at)
				if got := table.passes(t, p, at.Sub(m.Now)); got != want {
					t.Fatalf("matrix %d: nftables at %v: %v: %v, want %v", number, at, p, got, want)
				}
				if got := chains[p.source.Addr().BitLen()].passes(t, p, at); got != want {
					t.Fatalf("matrix %d: iptables at %v: %v: %v, want %v", number, at, p, got, want)
				}
				asked++
			}
			wantGuard(t, m, p)
		}
	}
	if asked < 10_000 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// wantGuard compares the guards, which artefacts are made of, with the flows.
func wantGuard(t *testing.T, m *firewall.Matrix, p packet) {
	for i := range m.Guards {
		g := &m.Guards[i]
		if g.Direction != p.direction || g.Port != p.destination.Port() || !g.Destination.Contains(p.destination.Addr()) {
			continue
		}
		if got, want := g.Allowed().Find(p.source) != nil, passes(m, p, m.Now); got != want {
			t.Fatalf("guard %s: %v: %v, want %v", g.Name, p, got, want)
		}
	}
}

// TestNetfilterAtTheEnd writes nothing of what ends at the moment for which it is written, and no rates unless they are wanted.
func TestNetfilterAtTheEnd(t *testing.T) {
	m := hostMatrix()
	m.Now = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC) // trial ends just now
	for _, target := range []string{"nftables", "iptables", "ip6tables"} {
		got := exported(t, target, m, Options{})
		for _, word := range []string{" limit ", "timeout ", "--datestop"} {
			if strings.Contains(got, word) {
				t.Errorf("%s has %q:\n%s", target, word, got)
			}
		}
	}
}
