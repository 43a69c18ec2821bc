package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/config"
	"sallyport/internal/firewall"
	"sallyport/internal/firewall/export"
	"sallyport/internal/suggest/matrix"
	"sallyport/policy"
)

// TestImportRoundTrip makes a matrix of policies at random and imports it: what comes out allows the same.
func TestImportRoundTrip(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := importWorld{T: t, random: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
			before := w.compile(w.source())
			m, err := firewall.Build(&firewall.Input{Policy: before, Services: w.services(), At: firewall.AtHost, Now: w.now})
			if err != nil {
				t.Fatal(err)
			}
			text := w.exported(m)
			d, draft := w.imported(text)
			if !d.Complete() {
				t.Errorf("not placed: %v", d.Left)
			}
			after := w.compile(w.parsed(draft))
			if diff := cmp.Diff(w.passing(before), w.passing(after)); diff != "" {
				t.Errorf("what passes (-policy +draft):\n%s\nmatrix:\n%s\ndraft:\n%s", diff, text, draft)
			}
		})
	}
}

// importWorld is a policy with its matrix.
type importWorld struct {
	*testing.T
	random *rand.Rand
	now    time.Time
}

func (w *importWorld) ports() []matrix.Port {
	at := netip.MustParseAddrPort
	return []matrix.Port{
		{Port: policy.Port{Application: "a", ID: "secure", Mode: policy.Secure, ClientAuth: true}, At: []netip.AddrPort{at("10.1.0.4:2021")}},
		{Port: policy.Port{Application: "a", ID: "plain", Mode: policy.Plaintext}, At: []netip.AddrPort{at("10.1.0.4:2020")}},
		{Port: policy.Port{Application: "b", ID: "upgrade", Mode: policy.AutoDetect, ClientAuth: true}, At: []netip.AddrPort{netip.AddrPortFrom(netip.Addr{}, 2030)}},
		{Port: policy.Port{Application: "b", ID: "six", Mode: policy.AutoDetect, ClientAuth: true}, At: []netip.AddrPort{at("[2001:db8::4]:2040")}},
	}
}

func (w *importWorld) services() []firewall.Service {
	var all []firewall.Service
	for _, p := range w.ports() {
		all = append(all, firewall.Service{Application: p.Application, Port: p.ID, Listen: p.At[0]})
	}
	return all
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (w *importWorld) prefix() netip.Prefix {
	return netip.MustParsePrefix(pick(w.random, []string{
		"10.2.0.5/32", "10.2.0.6/32", "10.2.0.0/24", "10.2.0.0/16", "10.3.0.0/30", "2001:db8::5/128", "2001:db8::/64", "0.0.0.0/0", "::/0", "203.0.113.7/32",
	}))
}

func (w *importWorld) portRange() policy.PortRange {
	return pick(w.random, []policy.PortRange{{First: 20001, Last: 20004}, {First: 20003, Last: 20003}, {First: 1024, Last: 65535}, {First: 1, Last: 65535}, {First: 65535, Last: 65535}})
}

func (w *importWorld) word() string {
	return pick(w.random, []string{"", "Voice team", `=1+1, "x"; y`, "'quoted'", "- @here", "a;=b", "[[allow]] # \\", "CHG-1"})
}

func (w *importWorld) source() policy.Source {
	identity := func(text string) policy.Identity {
		i, err := policy.ParseIdentity(text)
		if err != nil {
			w.Fatal(err)
		}
		return i
	}
	var src policy.Source
	names := []string{policy.AnyName, policy.LoopbackName, "10.2.0.0/24", "2001:db8::9", "10.4.0.7"}
	for i := range 1 + w.random.IntN(6) {
		c := policy.Client{Name: fmt.Sprintf("client-%d", i)}
		for range w.random.IntN(4) {
			c.Addresses = append(c.Addresses, w.prefix())
		}
		for range w.random.IntN(3) {
			c.Ports = append(c.Ports, w.portRange())
		}
		for range max(0, w.random.IntN(4)-2) {
			c.Identities = append(c.Identities, identity(pick(w.random, []string{"dns:a.example.com", `cn:x; dns:y \ "z"`, "uri:spiffe://example.com/*"})))
		}
		src.Clients = append(src.Clients, c)
		names = append(names, c.Name)
	}
	for i := range 1 + w.random.IntN(6) {
		r := policy.Rule{ID: fmt.Sprintf("rule-%d", i), TLS: pick(w.random, []policy.TLSDemand{policy.TLSRequired, policy.TLSAny, policy.TLSAny}),
			Owner: w.word(), Ticket: w.word(), Reason: w.word()}
		for range 1 + w.random.IntN(4) {
			r.From = append(r.From, pick(w.random, names))
		}
		r.To = pick(w.random, [][]string{{"a/secure"}, {"a/*", "b/six"}, {"b/upgrade"}, {"a/secure", "b/upgrade"}, {"b/*"}})
		if w.random.IntN(3) == 0 {
			r.Limits = policy.Limits{MaxConnections: 4, Rate: policy.Rate{Events: 10, Per: time.Second}, Burst: w.random.IntN(3)}
		}
		if w.random.IntN(3) == 0 {
			r.ValidFrom, r.Expires = w.now.AddDate(0, 0, -w.random.IntN(3)), w.now.AddDate(0, 0, w.random.IntN(400))
		}
		src.Rules = append(src.Rules, r)
	}
	// Every client is used.
	src.Rules = append(src.Rules, policy.Rule{ID: "all", From: slices.Clone(names[5:]), To: []string{"b/upgrade"}, TLS: policy.TLSRequired})
	for i := range w.random.IntN(3) {
		src.Blocks = append(src.Blocks, policy.Block{ID: fmt.Sprintf("block-%d", i), Reason: w.word(),
			Addresses: []netip.Prefix{netip.MustParsePrefix(pick(w.random, []string{"203.0.113.0/24", "10.2.0.6/32", "2001:db8::/96"}))}})
	}
	return src
}

func (w *importWorld) compile(src policy.Source) *policy.Set {
	w.Helper()
	src.Ports = nil
	for _, p := range w.ports() {
		src.Ports = append(src.Ports, p.Port)
	}
	set, faults := policy.Compile(&src, w.now)
	if set == nil {
		w.Fatal(faults)
	}
	return set
}

// exported is the matrix as sallyport export csv writes it.
func (w *importWorld) exported(m *firewall.Matrix) string {
	w.Helper()
	format, err := export.Lookup("csv")
	if err != nil {
		w.Fatal(err)
	}
	a, err := format.Write(m, export.Options{})
	if err != nil {
		w.Fatal(err)
	}
	return string(a.Files[0].Data)
}

func (w *importWorld) imported(text string) (*matrix.Draft, string) {
	w.Helper()
	d, err := (&matrix.Import{Ports: w.ports()}).Read("matrix.csv", []byte(text))
	if err != nil {
		w.Fatal(err)
	}
	var draft strings.Builder
	if err := d.Write(&draft); err != nil {
		w.Fatal(err)
	}
	return d, draft.String()
}

func (w *importWorld) parsed(draft string) policy.Source {
	w.Helper()
	files, problems := config.ParsePolicy([]config.NamedData{{Name: "draft.toml", Data: []byte(draft)}})
	if len(problems.Errors()) > 0 {
		w.Fatalf("%v\n%s", problems.Errors(), draft)
	}
	return files.Source
}

// passing says from where who can connect to what: one region for everything that a reviewer would tell apart. Port 0 is none.
func (w *importWorld) passing(set *policy.Set) map[string]string {
	var closed []firewall.Patch
	for _, c := range set.Closures() {
		closed = append(closed, firewall.PatchesOf(c.Prefixes, c.Ports, 0)...)
	}
	open := make(map[string][]firewall.Patch)
	for _, o := range set.Openings(w.now) {
		var ids []policy.Identity
		if o.Client != nil {
			ids = slices.SortedFunc(slices.Values(o.Client.Identities), func(a, b policy.Identity) int { return strings.Compare(a.String(), b.String()) })
			ids = slices.Compact(ids)
		}
		ports := o.Ports
		if len(ports) == 0 {
			ports = []policy.PortRange{{First: 1, Last: 65535}}
		}
		for speech, spoken := range map[string]bool{"TLS": o.TLS, "plaintext": o.Plaintext} {
			if !spoken {
				continue
			}
			for _, p := range o.Prefixes {
				if at := o.Port; at.Application == "a" && p.Addr().Is6() || at.ID == "six" && p.Addr().Is4() {
					continue // nobody connects to an address of the other family
				}
				key := fmt.Sprint(o.Port.Name(), " ", speech, " ", ids, o.Rule.Limits, " ", []string{o.Rule.Owner, o.Rule.Ticket, o.Rule.Reason},
					policy.DayText(o.Rule.ValidFrom), policy.DayText(o.Rule.Expires))
				open[key] = append(open[key], firewall.PatchesOf([]netip.Prefix{p}, ports, 0)...)
			}
		}
	}
	all := make(map[string]string)
	for key, patches := range open {
		if left := firewall.RegionOf(patches).Minus(firewall.RegionOf(closed)); len(left) > 0 {
			all[key] = fmt.Sprint(left)
		}
	}
	return all
}

// FuzzImport reads anything at all: what comes out is a policy, and all rows are in it or listed.
func FuzzImport(f *testing.F) {
	f.Add([]byte("src,src port,dst,dst port,owner\n10.2.0.5,20001-20004,10.1.0.4,2021,me\n10.0.0.1-9,any,any,any,\"[[allow]]\n\"\n"))
	f.Add([]byte("title;;\nAction;Source IP;Source Name;Destination Port;Expires;Identity\npermit;any;x y;tcp/2030,udp/5;31.12.2026;dns:a\ndeny;10.0.0.0/8;any;any;;\n"))
	f.Add([]byte("\xff\xfes\x00r\x00c\x00\t\x00d\x00s\x00t\x00"))
	f.Add([]byte("sep=;\nsrc;port\n10.2.0.5;2021\n;\n\"x"))
	f.Add([]byte("rule-id,action,src-ip,src-name,dst-name,dst-port,policy-hash,origin,family\nany,permit,any,loopback,b/upgrade,2030,x,rule,ipv6\n"))
	f.Add([]byte("rule-id,action,src-ip,dst-name,dst-port,policy-hash,family\nany,permit,any,,2020,,6"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := importWorld{T: t, now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
		im := matrix.Import{Ports: w.ports()}
		d, err := im.Read("matrix.csv", data)
		if err != nil {
			return
		}
		var text bytes.Buffer
		if err := d.Write(&text); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(text.String(), "\n", ""), unicode.IsControl) {
			t.Errorf("control characters in %q", text.String())
		}
		i := importer{matrix: im}
		if err := checkDraft("draft.toml", text.Bytes(), i.ports(), nil, w.now); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		a, lines := d.Account, d.Lines()
		slices.Sort(lines)
		if got := len(slices.Compact(lines)); got != a.Placed+a.Part {
			t.Errorf("%d rows are in the draft: %+v", got, a)
		}
		if a.Rows != a.Placed+a.Part+a.Left || len(d.Left) < a.Part+a.Left || d.Complete() != (a.Part+a.Left == 0) {
			t.Errorf("%d problems: %+v", len(d.Left), a)
		}
	})
}

// The exit code tells whether everything was placed.
func TestImportExitCode(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg := write("config.toml", "[[application]]\nname = \"a\"\nupstream.primary = \"builtin:echo\"\n[[application.port]]\nid = \"p\"\nlisten = \"10.1.0.4:2020\"\nmode = \"plaintext\"\n")
	good := write("good.csv", "source,destination,port\n10.2.0.5,10.1.0.4,2020\n")
	bad := write("bad.csv", "source,destination,port\n10.2.0.5,10.1.0.4,2021\n")
	for _, c := range []struct {
		args []string
		want int
	}{
		{[]string{good}, 0},
		{[]string{bad}, exitNo},
		{[]string{write("no.csv", "x")}, exitFailure},
		{[]string{filepath.Join(dir, "nowhere.csv")}, exitFailure},
		{[]string{"--map", "x", good}, exitUsage},
		{[]string{"--reached-at", "a/q=10.1.0.5", good}, exitUsage},
		{nil, exitUsage},
	} {
		var stdout, stderr bytes.Buffer
		if got := execute(slices.Concat([]string{"import", "csv", "--config", cfg}, c.args), &stdout, &stderr); got != c.want {
			t.Errorf("%q: exit code %d, want %d\n%s", c.args, got, c.want, stderr.String())
		}
	}
}
