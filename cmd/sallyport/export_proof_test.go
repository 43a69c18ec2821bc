package main

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
	"sallyport/internal/testpolicy"
)

// proofSite is where the worlds of the proof are. Nothing is connected to, so every address can be a client's.
var proofSite = testpolicy.Site{
	Four: netip.MustParseAddr("10.1.0.4"), Six: netip.MustParseAddr("fd00:1::4"),
	Clients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	Hot: []netip.Addr{
		netip.MustParseAddr("10.20.0.0"), netip.MustParseAddr("10.20.15.254"), netip.MustParseAddr("192.0.2.77"),
		netip.MustParseAddr("2001:db8::ffff"), netip.MustParseAddr("2001:db8:20::"),
	},
	Now: time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC), Still: true,
}

// TestExportProof holds 100,000 tuples against evaluators that share no code: explain's, and those that read the exported texts as
// a firewall would. Each tuple counts in the way to speak that gets farthest, because the firewall cannot know more
// than that.
func TestExportProof(t *testing.T) {
	wanted, most := 100_000, uint64(500)
	if testing.Short() {
		wanted = 10_000
	}
	pki := proofFiles(t)
	var account proofAccount
	seed := uint64(0)
	for ; account.tuples < wanted && seed < most; seed++ {
		p := newProof(t, pki, seed)
		here := []string{"host", "server"}[seed%2]
		for _, position := range []string{here, "client", "between"} {
			p.compare(&account, position)
		}
	}
	t.Logf("%d tuples of %d policies compared: explain, nftables and iptables agree; %d pass", account.tuples, seed, account.passing)
	if account.tuples < wanted {
		t.Errorf("fewer than %d", wanted)
	}
	if account.passing < account.tuples/10 || account.passing > account.tuples*9/10 {
		t.Error("nearly all tuples have the same answer")
	}
}

type proofAccount struct{ tuples, passing int }

// proofFiles writes the certificates that a configuration names.
func proofFiles(t *testing.T) testpolicy.Files {
	t.Helper()
	dir, ca := t.TempDir(), testpki.New(t)
	certificate, key := ca.Server(t, "localhost").Write(t, dir, "server")
	return testpolicy.Files{Certificate: certificate, Key: key, CA: testpki.WriteFile(t, filepath.Join(dir, "ca.crt"), ca.PEM())}
}

// proof is a world in files, as a command reads them.
type proof struct {
	t       *testing.T
	seed    uint64
	numbers *rand.Rand
	*testpolicy.World
	path string
	plan *plan
}

func newProof(t *testing.T, files testpolicy.Files, seed uint64) *proof {
	t.Helper()
	p := &proof{t: t, seed: seed, numbers: rand.New(rand.NewPCG(seed, 0))}
	p.World = testpolicy.Random(p.numbers, &proofSite)
	dir := t.TempDir()
	testpki.WriteFile(t, filepath.Join(dir, "policy.toml"), []byte(p.Policy()))
	p.path = testpki.WriteFile(t, filepath.Join(dir, "config.toml"), []byte("[policy]\nfiles = [\"policy.toml\"]\n[admin]\nlisten = \"off\"\n"+p.Config(files)))
	planner := drawUp(p.path, newSources())
	if failing := planner.problems.Errors(); len(failing) > 0 {
		t.Fatalf("seed %d: %v in\n%s", seed, failing, p.Policy())
	}
	p.plan = planner.plan
	return p
}

// export runs the command.
func (p *proof) export(target, position string, flags ...string) string {
	p.t.Helper()
	args := append([]string{"export", target}, append(flags, "--config", p.path, "--at", position, "--as-of", p.Now.Format(time.RFC3339))...)
	if p.seed%2 == 0 {
		args = append(args, "--reject")
	}
	if position != "host" {
		args = append(args, "--reached-at", proofSite.Four.String(), "--reached-at", proofSite.Six.String())
	}
	var out, errors bytes.Buffer
	if code := execute(args, &out, &errors); code != 0 {
		p.t.Fatalf("seed %d: export %s: exit code %d\n%s\n%s", p.seed, target, code, errors.String(), p.Policy())
	}
	return out.String()
}

// tuples returns connections that a firewall at a position can see.
func (p *proof) tuples(position string, least int) []testpolicy.Tuple {
	return p.Tuples(p.numbers, least, func(addr netip.Addr) bool { return hookAt(position) == "input" || !addr.IsLoopback() })
}

// explained is what explain says: whether any way to speak gets a tuple through.
func (p *proof) explained(t testpolicy.Tuple, now time.Time) bool {
	port, err := p.plan.port(t.Port.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, way := range t.Port.Ways() {
		q := question{from: t.From, to: t.Port.Name(), tls: bool(way)}
		if way == testpolicy.OverTLS && t.Port.ClientAuth != "none" {
			q.identities = testpolicy.Identities()
		}
		if d, _ := p.plan.policy.Walk(q.facts(port, bool(way), now)); d.Verdict.Passes() {
			return true
		}
	}
	return false
}

func hookAt(position string) string {
	switch position {
	case "client":
		return "output"
	case "between":
		return "forward"
	default:
		return "input"
	}
}

func packetOf(t testpolicy.Tuple, position string, at time.Time) *packet {
	return &packet{hook: hookAt(position), from: t.From, to: t.To, at: at, tracked: t.From.Port()%2 == 0} // whatever was before on the tuple, it opens a connection
}

// compare holds the firewalls of a position against explain.
func (p *proof) compare(account *proofAccount, position string) {
	p.t.Helper()
	rules, nft := p.nftables(position)
	firewalls := []exportedFirewall{nft, p.iptables(position)}
	tuples := p.with(p.tuples(position, 400), p.corners(rules))
	for _, now := range p.moments() {
		for _, t := range tuples {
			want := p.explained(t, now)
			for _, f := range firewalls {
				if got := f.passes(packetOf(t, position, now)); got != want {
					p.t.Fatalf("seed %d, at %s, %s: %s: the firewall lets it pass: %t, explain: %t\n%s\n%s", p.seed, position, now, t, got, want, p.Policy(), f.text)
				}
			}
			account.tuples++
			if want {
				account.passing++
			}
		}
	}
}

// with returns tuples and more, each once.
func (p *proof) with(tuples, more []testpolicy.Tuple) []testpolicy.Tuple {
	all := slices.Concat(tuples, more)
	slices.SortFunc(all, testpolicy.Tuple.Compare)
	return slices.Compact(all)
}

// exportedFirewall is an export with what was understood of it.
type exportedFirewall struct {
	text   string
	passes func(*packet) bool
}

func (p *proof) nftables(position string, flags ...string) (*nftRules, exportedFirewall) {
	p.t.Helper()
	text := p.export("nftables", position, flags...)
	rules, err := parseNft(text, p.Now)
	if err != nil {
		p.t.Fatalf("seed %d: %v in\n%s", p.seed, err, text)
	}
	if a, b := rules.overlap(); a != nil {
		p.t.Fatalf("seed %d: %+v and %+v overlap in\n%s", p.seed, a, b, text)
	}
	return rules, exportedFirewall{text, rules.passes}
}

// iptables are two exports, one for each family.
func (p *proof) iptables(position string) exportedFirewall {
	p.t.Helper()
	chain := "SALLYPORT-" + map[string]string{"input": "IN", "output": "OUT", "forward": "FWD"}[hookAt(position)]
	text, families := "", make(map[string]ipChains) // by family
	for _, target := range []string{"iptables", "ip6tables"} {
		exported := p.export(target, position)
		chains, err := parseIptables(exported)
		if err != nil {
			p.t.Fatalf("seed %d: %v in\n%s", p.seed, err, exported)
		}
		if _, found := chains[chain]; !found {
			p.t.Fatalf("seed %d: no chain %s\n%s", p.seed, chain, exported)
		}
		families[strings.TrimSuffix(target, "tables")] = chains
		text += exported
	}
	return exportedFirewall{text, func(packet *packet) bool { return families[packet.family()].passes(chain, packet) }}
}

// moments are now, and when some rules have expired. Where a rule becomes valid meanwhile there is only now: an export knows
// only of those that are.
func (p *proof) moments() []time.Time {
	later, expiring := p.Now.AddDate(0, 0, 3), false
	for i := range p.Source.Rules {
		rule := &p.Source.Rules[i]
		if rule.ValidFrom.After(p.Now) {
			return []time.Time{p.Now}
		}
		expiring = expiring || rule.Expires.After(p.Now) && rule.Expires.Before(later)
	}
	if !expiring {
		return []time.Time{p.Now}
	}
	return []time.Time{p.Now, later}
}

// corners are tuples at the edges of the elements of a rule set, in no order. They tell whether it opens more than the policy does.
func (p *proof) corners(rules *nftRules) []testpolicy.Tuple {
	var all []testpolicy.Tuple
	for _, s := range rules.sets {
		for i := range s.elements {
			all = append(all, p.cornersOf(&s.elements[i])...)
		}
	}
	return all
}

// cornersOf returns the corners of a tuple's element, and what is just beyond.
func (p *proof) cornersOf(e *nftElement) []testpolicy.Tuple {
	if len(e.key) != 4 {
		return nil
	}
	var all []testpolicy.Tuple
	add := func(addr netip.Addr, source int) {
		if t := p.tupleOf(e, addr, source); t != nil {
			all = append(all, *t)
		}
	}
	addresses, sources := &e.key[0], &e.key[1]
	add(addresses.first, int(sources.low))
	add(addresses.last, int(sources.high))
	add(addresses.first.Prev(), int(sources.low))
	add(addresses.last.Next(), int(sources.high))
	add(addresses.first, int(sources.low)-1)
	add(addresses.last, int(sources.high)+1)
	return all
}

// tupleOf returns the tuple to the destination of an element, if a client can have that source.
func (p *proof) tupleOf(e *nftElement, addr netip.Addr, source int) *testpolicy.Tuple {
	port := p.portAt(e.key[3].low)
	i := slices.IndexFunc(port.At, func(at netip.AddrPort) bool { return at.Addr().BitLen() == e.key[0].first.BitLen() })
	switch {
	case i < 0:
		p.t.Fatalf("seed %d: an element of another family than %s is: %+v", p.seed, port.Name(), e)
	case !addr.IsValid(), addr.IsLoopback(), source < 1, source > 65535,
		addr.Is4In6(): // kernels drop packets of IPv6 with such a source
		return nil
	}
	return &testpolicy.Tuple{Port: port, From: netip.AddrPortFrom(addr, uint16(source)), To: port.At[i]}
}

func (p *proof) portAt(number uint16) *testpolicy.Port {
	i := slices.IndexFunc(p.Ports, func(port testpolicy.Port) bool { return port.At[0].Port() == number })
	if i < 0 {
		p.t.Fatalf("seed %d: an element for port %d, which is none", p.seed, number)
	}
	return &p.Ports[i]
}
