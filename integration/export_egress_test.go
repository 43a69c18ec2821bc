//go:build integration

package integration

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"sallyport/internal/testpolicy"
)

const exportedPins = `
[[application]]
name = "to-server"
  [application.upstream]
  primary = "10.1.0.4:2031"
  backup  = "10.1.0.4:2032"
    [application.upstream.health]
    interval = "200ms"
    [application.upstream.source]
    address      = ["10.2.0.5", "fd00:2::5"]
    ports        = "20001-20003"
    backup_ports = "20011-20012"
    health_ports = "20021"
  [[application.port]]
  id     = "local"
  listen = "127.0.0.1:2020"
  mode   = "plaintext"

[[application]]
name = "to-six"
  [application.upstream]
  primary = "[fd00:1::4]:2033"
    [application.upstream.source]
    address = "fd00:2::5"
    ports   = "20031, 20033-20034"
  [[application.port]]
  id     = "local"
  listen = "127.0.0.1:2022"
  mode   = "plaintext"
`

// TestExportedPins loads what is exported of a sallyport beside a client: its sessions and health checks leave, and from its
// host nothing else reaches its servers, whatever else the host connects to. Everything between there and the server can hold the same.
func TestExportedPins(t *testing.T) {
	need(t, "xtables-nft-multi")
	site := newExportSite(t)
	servers := newPinnedServers(t, site)
	s := launch{prefix: site.clients.exec}.start(t, exportedPins)
	all := pinnedAttempts()
	load := make(map[string]func(t *testing.T))
	for _, place := range []struct {
		at             string
		in             namespace
		builtIn, chain string
	}{
		{"host", site.clients, "OUTPUT", "SALLYPORT-OUT"},
		{"client", site.clients, "OUTPUT", "SALLYPORT-OUT"},
		{"between", site.router, "FORWARD", "SALLYPORT-FWD"},
		{"server", site.server, "INPUT", "SALLYPORT-IN"},
	} {
		nft, four, six := s.export(t, "nftables", "--at", place.at), s.export(t, "iptables", "--at", place.at), s.export(t, "ip6tables", "--at", place.at)
		load["nftables at "+place.at] = func(t *testing.T) { place.in.firewall(t, nft) }
		load["iptables at "+place.at] = func(t *testing.T) { place.in.iptables(t, four, six, place.builtIn, place.chain) }
	}
	open := func(t *testing.T) {
		t.Helper()
		for _, ns := range []namespace{site.clients, site.router, site.server} {
			ns.firewall(t, "")
		}
	}
	names := slices.Sorted(maps.Keys(load))
	for _, name := range names {
		t.Run("sallyport, "+name, func(t *testing.T) {
			load[name](t)
			defer open(t)
			servers.forget()
			var sessions []*net.TCPConn
			for range 3 {
				sessions = append(sessions, site.clients.dial(t, "127.0.0.1:2020"))
				exchange(t, sessions[len(sessions)-1], "hello\n")
			}
			exchange(t, site.clients.dial(t, "127.0.0.1:2022"), "hello\n")
			for _, source := range []string{"10.2.0.5:20001", "10.2.0.5:20002", "10.2.0.5:20003", "10.2.0.5:20021"} {
				waitFor(t, "a connection from "+source, func() bool { return servers.saw(source) })
			}
			for _, conn := range sessions {
				must(t, conn.SetLinger(0))
				conn.Close()
			}
		})
	}
	s.terminate(t) // its connections hold the tuples that are tried now
	for _, name := range names {
		t.Run("tuples, "+name, func(t *testing.T) {
			load[name](t)
			defer open(t)
			for _, wrong := range disagreements(all, site.try(t, all), firewalled) {
				t.Error(wrong)
			}
		})
	}
	everything := slices.Clone(all)
	for i := range everything {
		everything[i].passes = true
	}
	if wrong := disagreements(everything, site.try(t, everything), firewalled); len(wrong) > 0 {
		t.Errorf("without a firewall:\n%s", strings.Join(wrong, "\n"))
	}
	t.Logf("%d tuples against %d firewalls", len(all), len(load))
}

// pinnedAttempts go to the edges of the pins, from the right address and from another, to the pinned servers and to one that
// nobody guards.
func pinnedAttempts() []attempt {
	pins := map[string][]string{
		"10.1.0.4:2031":    {"20001", "20002", "20003", "20021"},
		"10.1.0.4:2032":    {"20011", "20012", "20021"},
		"[fd00:1::4]:2033": {"20031", "20033", "20034"},
	}
	sources := map[string]string{"10.1.0.4:2031": "10.2.0.5", "10.1.0.4:2032": "10.2.0.5", "10.1.0.4:2039": "10.2.0.5", "[fd00:1::4]:2033": "fd00:2::5"}
	strangers := map[bool]string{true: "10.16.0.1", false: "2001:db8::1"}
	ports := []string{"1", "1024", "40000", "65535"}
	for _, edge := range []int{20001, 20003, 20011, 20012, 20021, 20031, 20033, 20034} {
		ports = append(ports, fmt.Sprint(edge-1), fmt.Sprint(edge), fmt.Sprint(edge+1))
	}
	slices.Sort(ports)
	var all []attempt
	for _, to := range slices.Sorted(maps.Keys(sources)) {
		at := netip.MustParseAddrPort(to)
		for _, port := range slices.Compact(slices.Clone(ports)) {
			for _, from := range []string{sources[to], strangers[at.Addr().Is4()]} {
				passes := slices.Contains(pins[to], port) && from == sources[to] || pins[to] == nil
				source := netip.MustParseAddrPort(net.JoinHostPort(from, port))
				all = append(all, attempt{
					Tuple:  testpolicy.Tuple{Port: &testpolicy.Port{Application: "server", ID: to}, From: source, To: at},
					passes: passes,
				})
			}
		}
	}
	return all
}

// pinnedServers echo, and remember who came.
type pinnedServers struct {
	mu   sync.Mutex
	came map[string]bool
}

func newPinnedServers(t *testing.T, site *exportSite) *pinnedServers {
	t.Helper()
	p := &pinnedServers{came: make(map[string]bool)}
	for _, address := range []string{"10.1.0.4:2031", "10.1.0.4:2032", "[fd00:1::4]:2033", "10.1.0.4:2039"} {
		serveOn(t, site.server.listen(t, address), func(conn *net.TCPConn) {
			p.mu.Lock()
			p.came[conn.RemoteAddr().String()] = true
			p.mu.Unlock()
			echo(conn)
		})
	}
	return p
}

func (p *pinnedServers) saw(source string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came[source]
}

func (p *pinnedServers) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.came)
}
