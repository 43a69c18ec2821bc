package matrix

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/suggest/draft"
	"sallyport/policy"
)

// essence says what is in a draft and what is not, one line each.
func essence(d *Draft) string {
	var lines []string
	for _, c := range d.Clients {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s = %s %s", c.Name, strings.Join(draft.Texts(c.Addresses, policy.PrefixText), ","), portsText(c.Ports))))
	}
	for i, r := range d.Rules {
		lines = append(lines, fmt.Sprintf("%s: %s -> %s %s", r.ID, strings.Join(r.From, ","), strings.Join(r.To, ","), r.TLS))
		for _, remark := range d.rules[i].remarks {
			lines = append(lines, "! "+remark)
		}
	}
	for _, b := range d.Blocks {
		lines = append(lines, fmt.Sprintf("block %s: %s", b.ID, strings.Join(draft.Texts(b.Addresses, policy.PrefixText), ",")))
	}
	for _, p := range d.Left {
		lines = append(lines, fmt.Sprintf("- %d: %s", p.Line, p.Message))
	}
	if len(d.implied) > 0 {
		lines = append(lines, "implied "+linesText(d.implied))
	}
	return strings.Join(lines, "\n")
}

func TestPlacing(t *testing.T) {
	const head = "id,action,source name,source ip,source port,destination name,destination ip,port,tls,identity,max connections,direction,service\n"
	for _, c := range []struct{ name, rows, want string }{
		{"a wildcard listens where one family is said", "r,permit,,any,,,10.1.0.4,2030,any\n",
			"r: 0.0.0.0/0 -> agents/upgrade any\n! line 2: agents/upgrade listens on every address: whether 10.1.0.4 is one of them is for you to know"},
		{"everybody", "r,permit,,any,,,any,2030,any\n", "r: any -> agents/upgrade any"},
		{"everybody from one port", "r,permit,,any,20001,,any,2030,any\n", "anybody =  20001\nr: anybody -> agents/upgrade any"},
		{"loopback is not meant by any", "r,permit,,10.2.0.5,,,any,2020\n", "host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> config/plain plaintext"},
		{"loopback is meant by loopback", "r,permit,,127.0.0.1,,,127.0.0.1,2020\n", "host-127.0.0.1 = 127.0.0.1\nr: host-127.0.0.1 -> web/local plaintext"},
		{"a name of a port narrows", "r,permit,,10.2.0.5,,web/local,,2020\n", "host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> web/local plaintext"},
		{"a name of a port that is not there", "r,permit,,10.2.0.5,,config/secure,10.1.0.4,2020\n", `- 2: "config/secure" is not found at 10.1.0.4 port 2020`},
		{"a name of a port alone", "r,permit,,10.2.0.5,,config/secure,,\n", "host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> config/secure required"},
		{"a name of an application with several", "r,permit,,10.2.0.5,,config,,\n", `- 2: "config" has several ports, and the row does not say which`},
		{"two places of one port", "r,permit,,10.2.0.5,,,\"192.0.2.10,10.1.0.4\",\"443,8443\"\n",
			"host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> web/tls required\n- 2: no application listens on 10.1.0.4 port 443\n- 2: no application listens on 192.0.2.10 port 8443"},
		{"a network of destinations", "r,permit,,10.2.0.5,,,10.1.0.0/24,2021\n",
			"host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> config/secure required\n! line 2: what listens at 10.1.0.0/24 port 2021 is config/secure"},
		{"a balancer", "r,permit,lb,10.8.0.1,,,10.1.0.4,5061\n", "- 2: 10.8.0.1 sends PROXY headers to sip/tls, and the policy is about the clients that they name"},
		{"TLS where there is none", "r,permit,,10.2.0.5,,,10.1.0.4,2020,yes\n", "- 2: config/plain takes plaintext only"},
		{"an identity that nobody asks for", "r,permit,,10.2.0.5,,,10.1.0.4,2030,,dns:a\n", "- 2: agents/upgrade asks nobody for a certificate"},
		{"both directions", "r,permit,,10.2.0.5,,,10.1.0.4,2021,,,,both\n",
			`- 2: "both": also connections from the destination to the source are meant, and a policy is about those to its ports`},
		{"a service that says the same", "r,permit,,10.2.0.5,,,10.1.0.4,443 8443,,,,,https 8443\n",
			"host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> web/tls required\n- 2: no application listens on 10.1.0.4 port 443"},
		{"a service by what people call it", "r,permit,,10.2.0.5,,,10.1.0.4,2021,,,,,CTI\n", "host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> config/secure required"},
		{"a service that says something else", "r,permit,,10.2.0.5,,,10.1.0.4,2021,,,,,https\n", `- 2: the service is "https" and the port is "2021"`},
		{"a service instead of a port", "r,permit,,10.2.0.5,,,10.1.0.4,,,,,,tcp/2021\n", "host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> config/secure required"},
		{"UDP as a service", "r,permit,,10.2.0.5,,,10.1.0.4,2021,,,,,udp\n", `- 2: the service is "udp" and the port is "2021"`},
		{"UDP behind the port", "r,permit,,10.2.0.5,,,10.1.0.4,2021 udp\n", `- 2: sallyport passes TCP, and not udp/2021`},
		{"sources that do not do the same", "r,permit,a,10.2.0.5,,,10.1.0.4,2021\nr,permit,a,10.2.0.6,,,10.1.0.4,2020\nr,permit,a,10.2.0.7,,,10.1.0.4,2020 2021\n",
			"a = 10.2.0.5\na-2 = 10.2.0.6\na-3 = 10.2.0.7\nr: a -> config/secure required\nr-2: a-2 -> config/plain plaintext\nr-3: a-3 -> config/plain,config/secure any"},
		{"rows that overlap", "r,permit,a,10.2.0.0/24,20001-20003,,10.1.0.4,2021\nr,permit,a,10.2.0.0/24,20002-20009,,10.1.0.4,2021\nr,permit,a,10.2.0.9,20001-20009,,10.1.0.4,2021\nr,permit,a,10.2.0.9,20001,,10.1.0.4,2021\n",
			"a = 10.2.0.0/24 20001-20009\nr: a -> config/secure required"},
		{"names that cannot be", "any,permit,loopback,10.2.0.5,,,10.1.0.4,2021\n12,permit,10.2.0.6,10.2.0.6,,,10.1.0.4,2021\n",
			"host-loopback = 10.2.0.5\nhost-10.2.0.6 = 10.2.0.6\nrule-any: host-loopback -> config/secure required\nrule-12: host-10.2.0.6 -> config/secure required"},
		{"denied first, and everybody at the end", "d,deny,,10.2.0.6,,,any,any\nr,permit,,10.2.0.0/24,,,10.1.0.4,2021\nz,deny,,any,,,any,any\n",
			"r: 10.2.0.0/24 -> config/secure required\nblock d: 10.2.0.6\nimplied line 4"},
		{"everybody is denied first", "z,deny,,any,,,any,any\nr,permit,,10.2.0.0/24,,,10.1.0.4,2021\n",
			"r: 10.2.0.0/24 -> config/secure required\n- 2: everybody is denied before other rows permit something, and a policy has no order"},
		{"denied at all ports that are open", "d,deny,,10.2.0.6,,,10.1.0.4,2021\nd,deny,,10.2.0.6,,,10.1.0.4,2020\nr,permit,,10.2.0.0/24,,,10.1.0.4,2020 2021\n",
			"r: 10.2.0.0/24 -> config/plain,config/secure any\nblock d: 10.2.0.6"},
		{"denied at one of them", "d,deny,,10.2.0.6,,,10.1.0.4,2021\nr,permit,,10.2.0.0/24,,,10.1.0.4,2020 2021\n",
			"r: 10.2.0.0/24 -> config/plain,config/secure any\n- 2: a [[block]] of these addresses would close config/plain as well, which another row opens to some of them"},
		{"a bound of several definitions", "r,permit,a,10.2.0.5,20001,,10.1.0.4,2021,,,4\nr,permit,a,10.2.0.6,20002,,10.1.0.4,2021,,,4\n",
			"a = 10.2.0.5 20001\na-2 = 10.2.0.6 20002\nr: a,a-2 -> config/secure required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, text := read(t, &Import{Ports: ports()}, head+c.rows)
			if diff := cmp.Diff(c.want, essence(d)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, text)
			}
		})
	}
}

// TestDenialUnderUnknownName keeps what denies from becoming a permit because its column is called as nobody knows.
func TestDenialUnderUnknownName(t *testing.T) {
	const rows = "Aktion,source ip,source port,destination ip,port\nallow,10.2.0.5,20001,10.1.0.4,2021\nDeny,10.2.0.6,20001,10.1.0.4,2021\n"
	const allowed, also = "host-10.2.0.5 = 10.2.0.5 20001", "host-10.2.0.6 = 10.2.0.6 20001"
	for _, c := range []struct {
		name    string
		columns []Column
		want    string
	}{
		{"nobody says what it is", nil,
			allowed + "\nto-config-secure: host-10.2.0.5 -> config/secure required\n- 3: nobody said what column \"Aktion\" is, and \"Deny\" may be a denial"},
		{"it says what is denied", []Column{{"Aktion", Action}},
			allowed + "\nto-config-secure: host-10.2.0.5 -> config/secure required\n- 3: only some source ports are denied, and a [[block]] has none"},
		{"it says nothing", []Column{{"Aktion", Ignored}},
			allowed + "\n" + also + "\nto-config-secure: host-10.2.0.5,host-10.2.0.6 -> config/secure required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := read(t, &Import{Ports: ports(), Columns: c.columns}, rows)
			if diff := cmp.Diff(c.want, essence(d)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestAddressesWithoutName takes an address without a name for a client, but not in sallyport's own matrix, where clients have names.
func TestAddressesWithoutName(t *testing.T) {
	const header, row = "rule-id,action,src-name,src-ip,src-port,dst-ip,dst-port", "r,permit,,10.2.0.5,any,10.1.0.4,2021"
	for _, c := range []struct{ name, rows, want string }{
		{"of people", header + "\n" + row + "\n", "host-10.2.0.5 = 10.2.0.5\nr: host-10.2.0.5 -> config/secure required"},
		{"our own", header + ",policy-hash\n" + row + ",00\n", "r: 10.2.0.5 -> config/secure required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := read(t, &Import{Ports: ports()}, c.rows)
			if diff := cmp.Diff(c.want, essence(d)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAmbiguous(t *testing.T) {
	two := []Port{
		{Port: policy.Port{Application: "a", ID: "p"}, At: at("192.0.2.10:443")},
		{Port: policy.Port{Application: "b", ID: "p"}, At: at("192.0.2.10:443")},
	}
	const head = "source,destination name,destination ip,port\n"
	d, _ := read(t, &Import{Ports: two}, head+"10.2.0.5,,192.0.2.10,443\n10.2.0.5,b/p,192.0.2.10,443\n")
	const want = "host-10.2.0.5 = 10.2.0.5\nto-b-p: host-10.2.0.5 -> b/p plaintext\n- 2: 192.0.2.10 port 443 is found at several ports: a/p, b/p"
	if diff := cmp.Diff(want, essence(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTooManyPairs(t *testing.T) {
	var addresses strings.Builder
	for i := range mostOfRow + 1 {
		fmt.Fprintf(&addresses, "10.%d.%d.%d ", i>>16, i>>8&255, i&255)
	}
	d, _ := read(t, &Import{Ports: ports()}, "source,destination,port\n"+addresses.String()+",10.1.0.4,2021\n")
	if len(d.Rules) > 0 || len(d.Left) != 1 || !strings.Contains(d.Left[0].Message, "too many pairs") {
		t.Errorf("left: %v", d.Left)
	}
}

// TestRowsProperty writes rows at random, and asks the rows and the draft the same.
func TestRowsProperty(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 3))
		one := func(texts ...string) string { return texts[random.IntN(len(texts))] }
		var text strings.Builder
		text.WriteString("id,source name,source ip,source port,destination ip,port,tls,owner\n")
		type box struct{ address, ports, to, tls string }
		var boxes []box
		for range 1 + random.IntN(12) {
			b := box{one("10.2.0.0/31", "10.2.0.1", "10.2.0.2", "10.2.0.0/30"), one("any", "20001", "20001-20002", "20002-20003"), one("2020", "2021", "2030"), "any"}
			if b.to == "2030" {
				b.tls = one("any", "required", "plaintext")
			}
			boxes = append(boxes, b)
			fmt.Fprintf(&text, "%s,%s,%s,%s,10.1.0.4,%s,%s,%s\n", one("a", "b", ""), one("x", "y", ""), b.address, b.ports, b.to, b.tls, one("o", ""))
		}
		d, written := read(t, &Import{Ports: ports()}, text.String())
		for i := range 4 * 3 * 3 * 2 {
			address := netip.AddrFrom4([4]byte{10, 2, 0, byte(i % 4)})
			port, to, tls := []uint16{20001, 20002, 20004}[i/4%3], []string{"2020", "2021", "2030"}[i/12%3], i/36 == 0
			want := (to != "2020" || !tls) && (to != "2021" || tls) && slices.ContainsFunc(boxes, func(b box) bool {
				p, err := policy.ParsePrefix(b.address)
				return err == nil && p.Contains(address) && b.to == to && (b.ports == "any" || holds(b.ports, port)) &&
					(b.tls == "any" || b.tls == "required" == tls)
			})
			if got := d.allows(address, port, map[string]string{"2020": "config/plain", "2021": "config/secure", "2030": "agents/upgrade"}[to], tls); got != want {
				t.Fatalf("seed %d: %s:%d to %s, TLS %t: %t, want %t\n%s\n%s", seed, address, port, to, tls, got, want, text.String(), written)
			}
		}
	}
}

func holds(ports string, port uint16) bool {
	r, err := policy.ParsePortRange(ports)
	return err == nil && r.Contains(port)
}

// allows judges as a policy does, in the plainest way.
func (d *Draft) allows(address netip.Addr, port uint16, to string, tls bool) bool {
	return slices.ContainsFunc(d.Rules, func(r policy.Rule) bool {
		if !slices.Contains(r.To, to) || tls && (r.TLS == policy.PlaintextOnly || to == "config/plain") || !tls && (r.TLS == policy.TLSRequired || to == "config/secure") {
			return false
		}
		return slices.ContainsFunc(r.From, func(from string) bool {
			i := slices.IndexFunc(d.Clients, func(c policy.Client) bool { return c.Name == from })
			if i < 0 {
				p, err := policy.ParsePrefix(from)
				return err == nil && p.Contains(address)
			}
			c := &d.Clients[i]
			return slices.ContainsFunc(c.Addresses, func(p netip.Prefix) bool { return p.Contains(address) }) &&
				(len(c.Ports) == 0 || slices.ContainsFunc(c.Ports, func(r policy.PortRange) bool { return r.Contains(port) }))
		})
	})
}
