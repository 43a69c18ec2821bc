//go:build integration

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// audited is what the tests want of audit firewall --json.
type audited struct {
	Verdict  string
	Findings []struct {
		Verdict string
		Sources []struct{ Addresses, Ports string }
	}
}

// audit runs audit firewall on the server, whose policy allows what pinnedPolicy does.
func (n network) audit(t *testing.T, dir string, args ...string) audited {
	t.Helper()
	args = plus(n.server.exec[1:], plus([]string{binary(), "audit", "firewall", "--config", filepath.Join(dir, "config.toml"), "--json"}, args...)...)
	r := client{}.run(t, n.server.exec[0], args...)
	var a audited
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil {
		t.Fatalf("exit code %d: %v\n%s", r.code, err, r.all)
	}
	if want := map[string]int{"agree": 0, "differ": 3, "unknown": 4}[a.Verdict]; r.code != want {
		t.Errorf("%s with exit code %d", a.Verdict, r.code)
	}
	return a
}

// says returns the verdict on a source, "" if there is no finding.
func (a *audited) says(t *testing.T, source netip.AddrPort) string {
	t.Helper()
	found := ""
	for _, f := range a.Findings {
		for _, s := range f.Sources {
			if !holds(t, s.Addresses, source.Addr()) || !holdsPort(t, s.Ports, source.Port()) {
				continue
			}
			if found != "" && found != f.Verdict {
				t.Errorf("%v is %s and %s", source, found, f.Verdict)
			}
			found = f.Verdict
		}
	}
	return found
}

func holds(t *testing.T, addresses string, a netip.Addr) bool {
	t.Helper()
	if p, err := netip.ParsePrefix(addresses); err == nil {
		return p.Contains(a)
	}
	first, last, isRange := strings.Cut(addresses, "-")
	if !isRange {
		last = first
	}
	from, err := netip.ParseAddr(first)
	must(t, err)
	to, err := netip.ParseAddr(last)
	must(t, err)
	return !a.Less(from) && !to.Less(a)
}

func holdsPort(t *testing.T, list string, port uint16) bool {
	t.Helper()
	return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool {
		first, last, isRange := strings.Cut(one, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.Atoi(first)
		must(t, err)
		to, err := strconv.Atoi(last)
		must(t, err)
		return from <= int(port) && int(port) <= to
	})
}

// pinned reports whether pinnedPolicy allows a source.
func pinned(source netip.AddrPort) bool {
	return source.Addr().String() == clientHost && holdsPinned(source.Port())
}

func holdsPinned(port uint16) bool { return 20001 <= port && port <= 20004 || port == 20011 }

// connects reports whether a connection from a source is made for real. It is reset, so that the source port is free at once.
func (n network) connects(t *testing.T, source netip.AddrPort) bool {
	t.Helper()
	conn, err := n.clients.connectFrom(source, serverListen)
	if err != nil {
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("%v: %v", source, err)
		}
		return false
	}
	must(t, conn.SetLinger(0))
	must(t, conn.Close())
	return true
}

// randomRules is a firewall's rules in both notations. What is denied is refused, so that nobody has to wait.
type randomRules struct{ nft, iptables string }

func newRandomRules(r *rand.Rand) randomRules {
	var nft, save [2][]string // of the base chain and of the one that it jumps to
	for chain := range nft {
		for range 2 + r.IntN(5) {
			last := 4 + r.IntN(4)
			first := 4 + r.IntN(last-3)
			low := 19999 + r.IntN(13)
			high := low + 1 + r.IntN(4)
			not, notSave := "", ""
			if r.IntN(4) == 0 {
				not, notSave = "!= ", "! "
			}
			n := fmt.Sprintf("ip saddr %s10.2.0.%d-10.2.0.%d tcp sport %d-%d ", not, first, last, low, high)
			s := fmt.Sprintf("-m iprange %s--src-range 10.2.0.%d-10.2.0.%d -p tcp -m tcp --sport %d:%d ", notSave, first, last, low, high)
			if not == "" {
				switch r.IntN(3) {
				case 0:
					n = fmt.Sprintf("ip saddr . tcp sport . tcp dport { 10.2.0.%d-10.2.0.%d . %d-%d . 2021, 10.2.0.0/29 . %d . 2000-2100 } ", first, last, low, high, high+1)
					s = fmt.Sprintf("-s 10.2.0.%d/31 -p tcp -m multiport --sports %d:%d,20011 ", first, low, high)
				case 1:
					n = fmt.Sprintf("tcp dport { 22, 2021 } ip saddr 10.2.0.%d tcp sport vmap { %d-%d : ", first, low, high)
				}
			}
			end := ""
			if strings.HasSuffix(n, ": ") {
				end = " }"
			}
			verdicts := [][2]string{{"accept", "ACCEPT"}, {"drop", "REJECT --reject-with tcp-reset"}, {"return", "RETURN"}}
			if chain == 0 {
				verdicts = append(verdicts, [2]string{"jump other", "other"}, [2]string{"goto other", ""})
			}
			v := verdicts[r.IntN(len(verdicts))]
			if v[0] == "drop" && end == "" {
				v[0] = "reject with tcp reset"
			} else if v[0] == "drop" {
				v = [2]string{"accept", "ACCEPT"}
			}
			target := "-j " + v[1]
			if v[1] == "" {
				target = "-g other"
			}
			nft[chain] = append(nft[chain], n+v[0]+end)
			save[chain] = append(save[chain], s+target)
		}
	}
	if r.IntN(2) == 0 {
		nft[0] = append(nft[0], "tcp dport 2021 reject with tcp reset")
		save[0] = append(save[0], "-p tcp -m tcp --dport 2021 -j REJECT --reject-with tcp-reset")
	}
	return randomRules{
		nft: "table inet filter {\nchain other {\n" + strings.Join(nft[1], "\n") + "\n}\nchain input {\ntype filter hook input priority 0; policy accept\nct state established,related accept\n" +
			strings.Join(nft[0], "\n") + "\n}\n}\n",
		iptables: "*filter\n:INPUT ACCEPT [0:0]\n:other - [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n-A INPUT " +
			strings.Join(save[0], "\n-A INPUT ") + "\n-A other " + strings.Join(save[1], "\n-A other ") + "\nCOMMIT\n",
	}
}

// TestAuditFirewall loads random rules into a real firewall, of nft and of iptables, and connects from sources inside, outside and at
// the edges of what they and the policy name: the audit has to say of each what becomes of it.
func TestAuditFirewall(t *testing.T) {
	n := newNetwork(t)
	xtables := need(t, "xtables-nft-multi")
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte("[policy]\nfiles = [\"policy.toml\"]\n"+serverConfig), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(pinnedPolicy), 0o644))
	ln := n.server.listen(t, serverListen)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	met := make(map[string]int)
	for range 12 {
		rules := newRandomRules(r)
		n.server.firewall(t, rules.nft)
		met["nft"] += n.agree(t, n.audit(t, dir), rules.nft)

		n.server.firewall(t, "")
		restore := client{stdin: strings.NewReader(rules.iptables)}
		restore.must(t, n.server.exec[0], plus(n.server.exec[1:], xtables, "iptables-restore")...)
		saved := filepath.Join(dir, "saved.rules")
		must(t, os.WriteFile(saved, []byte(n.server.run(t, xtables, "iptables-save", "-c")), 0o644))
		met["iptables"] += n.agree(t, n.audit(t, dir, "--ruleset", saved), rules.iptables)
		met["iptables, read by the audit itself"] += n.agree(t, n.audit(t, dir), rules.iptables)
		n.server.firewall(t, "")
	}
	for notation, findings := range met {
		if findings == 0 {
			t.Errorf("%s: there was never a difference between firewall and policy", notation)
		}
	}
}

// TestAuditFollows audits a firewall that lets connections be opened and drops what belongs to them: nobody can connect then.
func TestAuditFollows(t *testing.T) {
	n := newNetwork(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte("[policy]\nfiles = [\"policy.toml\"]\n"+serverConfig), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(pinnedPolicy), 0o644))
	n.server.listen(t, serverListen)
	socat := need(t, "socat")
	source := netip.MustParseAddrPort(clientHost + ":20001")
	for _, c := range []struct{ name, output, want string }{
		{"answers pass", "ct state established accept", ""},
		{"without a rule for answers", "tcp dport 2021 accept", "closed"},
		{"with one for another port", "tcp sport 2022 accept", "closed"},
		{"with one for this port", "tcp sport 2021 tcp dport 20001-20012 accept", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := "table inet filter {\nchain input {\ntype filter hook input priority 0; policy drop\nct state established accept\ntcp dport 2021 accept\n}\n" +
				"chain output {\ntype filter hook output priority 0; policy drop\n" + c.output + "\n}\n}\n"
			n.server.firewall(t, rules)
			if said := n.audit(t, dir); said.says(t, source) != c.want {
				t.Errorf("%v: the audit says %q, want %q\n%s", source, said.says(t, source), c.want, rules)
			}
			got := client{}.run(t, n.clients.exec[0], plus(n.clients.exec[1:], socat, "-u", "/dev/null",
				"TCP4:"+serverListen+",bind="+source.String()+",reuseaddr,connect-timeout=2")...)
			if connected := got.all == ""; connected != (c.want == "") {
				t.Errorf("%v: connected: %t %s\n%s", source, connected, got.all, rules)
			}
		})
	}
}

// TestAuditLegacy audits a host with rules of the old iptables, which nft does not show and which count all the same.
func TestAuditLegacy(t *testing.T) {
	n := newNetwork(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte("[policy]\nfiles = [\"policy.toml\"]\n"+serverConfig), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(pinnedPolicy), 0o644))
	n.server.listen(t, serverListen)
	legacy := need(t, "xtables-legacy-multi")
	restore := client{stdin: strings.NewReader("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n" +
		"-A INPUT -s 10.2.0.5/32 -p tcp -m tcp --sport 20002:20004 --dport 2021 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 2021 -j REJECT\nCOMMIT\n")}
	restore.must(t, n.server.exec[0], plus(n.server.exec[1:], legacy, "iptables-restore")...)
	said := n.audit(t, dir)
	for port, want := range map[uint16]string{20001: "closed", 20002: "", 20005: ""} {
		source := netip.AddrPortFrom(netip.MustParseAddr(clientHost), port)
		if got := said.says(t, source); got != want {
			t.Errorf("%v: the audit says %q, want %q", source, got, want)
		}
		if got := n.connects(t, source); got != (pinned(source) && want == "") {
			t.Errorf("%v: connected: %t", source, got)
		}
	}
}

// agree connects, and returns how many sources were closed or open.
func (n network) agree(t *testing.T, a audited, rules string) int {
	t.Helper()
	differing := 0
	for _, host := range []string{clientHost, neighbour} {
		for _, port := range []uint16{20000, 20001, 20002, 20003, 20004, 20005, 20007, 20010, 20011, 20012, 30000} {
			source := netip.AddrPortFrom(netip.MustParseAddr(host), port)
			said := a.says(t, source)
			want := said == "open"
			if pinned(source) {
				want = said == "" // and not closed
			}
			if said == "unknown" {
				t.Errorf("%v cannot be told\n%s", source, rules)
				continue
			}
			if said != "" {
				differing++
			}
			if got := n.connects(t, source); got != want {
				t.Errorf("%v: connected: %t, the audit says %q\n%s", source, got, said, rules)
			}
		}
	}
	return differing
}

// TestAuditCounters uses one of two pins, and the firewall's counters tell which.
func TestAuditCounters(t *testing.T) {
	n := newNetwork(t)
	n.server.firewall(t, strings.Replace(pinnedFirewall, "table ip filter {", "table ip filter {\n\tcomment \"not ours, made 2020-01-01\"", 1))
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte("[policy]\nfiles = [\"policy.toml\"]\n"+serverConfig), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(pinnedPolicy), 0o644))
	n.server.listen(t, serverListen)
	if !n.connects(t, netip.MustParseAddrPort(clientHost+":20011")) {
		t.Fatal("the firewall does not let pass what it should")
	}
	count := plus(n.server.exec[1:], binary(), "audit", "firewall", "--config", filepath.Join(dir, "config.toml"), "--counters")
	got := client{}.run(t, n.server.exec[0], count...)
	const want = `never used: rule tserver-to-config (t-server): 10.2.0.5 source ports 20001-20004 to 10.1.0.4 port 2021
since the rules were loaded: of 2 flows with source ports 1 used, 1 never used, 0 used by them or others, 0 not counted
`
	if got.stdout != want || got.code != 3 {
		t.Errorf("exit code %d\n%s\nwant\n%s", got.code, got.all, want)
	}
	older := filepath.Join(dir, "older.json")
	must(t, os.WriteFile(older, []byte(n.server.run(t, need(t, "nft"), "-j", "list", "ruleset")), 0o644))
	got = client{}.run(t, n.server.exec[0], plus(count, "--since", older)...)
	if !strings.Contains(got.stdout, "of 2 flows with source ports 0 used, 2 never used") {
		t.Errorf("since then: exit code %d\n%s", got.code, got.all)
	}
}

// TestAuditNeedsRoot runs as nobody, who may not read the rules, and is told what root can do.
func TestAuditNeedsRoot(t *testing.T) {
	dir := t.TempDir()
	must(t, errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)))
	must(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte(serverConfig), 0o644))
	ns := newNamespace(t)
	setpriv := plus(ns.exec[1:], need(t, "setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", binary(), "audit", "firewall",
		"--config", filepath.Join(dir, "config.toml"))
	got := client{}.run(t, ns.exec[0], setpriv...)
	if got.code != 1 || !strings.Contains(got.all, "hint: as root, nft -j list ruleset > FILE, and then --ruleset FILE") {
		t.Errorf("exit code %d\n%s", got.code, got.all)
	}
}
