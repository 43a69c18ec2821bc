//go:build integration

package integration

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/testpki"
	"sallyport/internal/testpolicy"
)

// exportSite is a network whose clients can have any of very many addresses, all on one host, with a router to a server.
type exportSite struct {
	network
	testpolicy.Site
	files testpolicy.Files
	best  *testpki.Leaf // what a client shows, with every name that policies ask for
	ca    *authority
}

// clientNetworks are all the addresses that clients can have. They are wider than what policies name, whose edges have
// addresses beyond them.
var clientNetworks = []string{"10.16.0.0/12", "192.0.2.0/23", "198.51.100.0/24", "2001:db8::/32"}

func newExportSite(t *testing.T) *exportSite {
	t.Helper()
	s := &exportSite{network: newNetwork(t), ca: newAuthority(t, "export CA"), Site: testpolicy.Site{
		Four: netip.MustParseAddr(primarySocket.four), Six: netip.MustParseAddr(primarySocket.six), Now: time.Now(),
	}}
	for _, hot := range []string{"10.20.0.0", "10.20.15.254", "192.0.2.77", "2001:db8::ffff", "2001:db8:20::"} {
		s.Hot = append(s.Hot, netip.MustParseAddr(hot))
	}
	s.router.ip(t,
		"address add fd00:1::1/64 dev servers nodad", "address add fd00:2::1/64 dev clients nodad",
		"route add default via "+clientSocket.four, "-6 route add default via "+clientSocket.six,
	)
	s.router.run(t, "/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
	s.clients.plug(t, clientSocket)
	s.server.plug(t, primarySocket)
	s.clients.run(t, "/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind")
	for _, text := range clientNetworks {
		p := netip.MustParsePrefix(text)
		s.Clients = append(s.Clients, p)
		if p.Addr().Is6() {
			text = "-6 route add local " + text + " dev lo"
		} else {
			text = "route add local " + text + " dev lo"
		}
		s.clients.ip(t, text) // every address of it is the host's own
	}
	for _, ns := range []namespace{s.clients, s.router, s.server} {
		ns.forgetResets(t)
	}
	shown := s.ca.server(t)
	commonName, dns, uris := testpolicy.Names()
	s.best = s.ca.store(t, s.ca.Issue(t, testpki.Options{CommonName: commonName, Names: dns, URIs: uris})).Leaf
	s.files = testpolicy.Files{Certificate: shown.certificate, Key: shown.key, CA: s.ca.file}
	return s
}

// forgetResets has connection tracking forget connections at once that were reset. For ten seconds it would take a SYN on the tuple of one that
// the server has reset for a packet of that connection, which passes as established. Tests use tuples again that somebody denied just before, and
// tracking does not end at the moment at which the last rule goes that asked for it.
func (ns namespace) forgetResets(t *testing.T) {
	t.Helper()
	ns.firewall(t, trackingRules) // the setting comes with the first rule that asks
	ns.run(t, "/bin/sh", "-c", "echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close")
	ns.firewall(t, "")
}

const trackingRules = `table inet tracking {
	chain forward {
		type filter hook forward priority 0; policy accept
		ct state established,related accept
	}
}
`

// TestExportSiteForgetsResets closes a firewall on a tuple whose connection the server has just reset.
func TestExportSiteForgetsResets(t *testing.T) {
	site := newExportSite(t)
	serveOn(t, site.server.listen(t, "10.1.0.4:2039"), func(conn *net.TCPConn) {
		conn.SetLinger(0)
		conn.Close()
	})
	a := attempt{Tuple: testpolicy.Tuple{
		Port: &testpolicy.Port{}, From: netip.MustParseAddrPort("10.2.0.5:20001"), To: netip.MustParseAddrPort("10.1.0.4:2039"),
	}}
	for _, step := range []struct{ rules, want string }{
		{trackingRules, deniedByUs},
		{strings.Replace(trackingRules, "accept\n\t}", "accept\n\t\ttcp dport 2039 reject with tcp reset\n\t}", 1), firewalled},
	} {
		site.router.firewall(t, step.rules)
		if got := site.try(t, []attempt{a}); got[0] != step.want {
			t.Errorf("%s, want %s, with\n%s", got[0], step.want, step.rules)
		}
	}
}

// reaches reports whether a connection can come from an address: from the clients, or on the server's own host.
func (s *exportSite) reaches(addr netip.Addr) bool {
	broadcast := addr == netip.AddrFrom4([4]byte{127, 0, 0, 0}) || addr == netip.AddrFrom4([4]byte{127, 255, 255, 255})
	return s.Holds(addr) || addr.IsLoopback() && !broadcast
}

// behind returns the namespace that connections from an address are made in.
func (s *exportSite) behind(addr netip.Addr) namespace {
	if addr.IsLoopback() {
		return s.server
	}
	return s.clients
}

// iptables replaces all rules of a namespace by what the exports say, hooked into a built-in chain.
func (ns namespace) iptables(t *testing.T, four, six, builtIn, chain string) {
	t.Helper()
	ns.firewall(t, "")
	xtables := need(t, "xtables-nft-multi")
	for _, family := range []struct{ tables, rules string }{{"iptables", four}, {"ip6tables", six}} {
		file := testpki.WriteFile(t, filepath.Join(t.TempDir(), family.tables), []byte(family.rules))
		ns.run(t, xtables, family.tables+"-restore", "--noflush", file)
		ns.run(t, xtables, family.tables, "-I", builtIn, "-j", chain)
	}
}

// export runs the command on the configuration of a sallyport, for a firewall that answers what it denies.
func (s *sallyport) export(t *testing.T, target string, args ...string) string {
	t.Helper()
	return s.exported(t, target, plus(args, "--reject")...)
}

func (s *sallyport) exported(t *testing.T, target string, args ...string) string {
	t.Helper()
	r := s.command(t, plus([]string{"export", target}, args...)...)
	if r.code != 0 {
		t.Fatalf("export %s %s: exit code %d\n%s", target, strings.Join(args, " "), r.code, r.all)
	}
	return r.stdout
}
