//go:build integration

package integration

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	exportedConfig = `
[policy]
files = ["policy.toml"]

[[application]]
name = "config-server"
  [application.upstream]
  primary = "builtin:echo"
  [[application.port]]
  id     = "cti"
  listen = "10.1.0.4:2021"
  mode   = "plaintext"
  [[application.port]]
  id     = "cti6"
  listen = "[2001:db8:1::4]:2021"
  mode   = "plaintext"
`
	exportedPolicy = `
[[client]]
name = "t-server"
addresses = ["10.2.0.5", "10.2.0.9", "10.2.0.10", "2001:db8:2::5"]
ports = ["20001-20004", "20011"]

[[client]]
name = "slow"
addresses = ["10.2.0.7", "2001:db8:2::7"]

[[allow]]
id = "registration"
from = ["t-server"]
to = ["config-server/*"]
tls = "plaintext"
owner = "voice \" team; # \\"
ticket = "\"; drop }"
expires = 2999-12-31

[[allow]]
id = "slow-client"
from = ["slow"]
to = ["config-server/*"]
tls = "plaintext"
owner = "test"
rate = "1/h"
burst = 3

[[allow]]
id = "slow-sources"
from = ["10.2.0.32/27", "2001:db8:7::/48"]
to = ["config-server/*"]
tls = "plaintext"
owner = "test"
rate = "1/h"
burst = 2

[[block]]
id = "scanner"
addresses = ["10.2.0.33", "2001:db8:7:bad::/64"]
`
)

// exportedRules lets the binary write rules into a file.
func exportedRules(t *testing.T, target string, flags ...string) (file string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte(exportedConfig), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(exportedPolicy), 0o644))
	file = filepath.Join(dir, "sallyport."+target)
	client{}.must(t, binary(), plus([]string{"export", target, "--config", filepath.Join(dir, "config.toml"), "--out", file}, flags...)...)
	return file
}

// foreignTable has the names that ours has.
const foreignTable = `table inet filter {
	set input4_open {
		type ipv4_addr
		elements = { 10.9.9.9 }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 2022 drop
	}

	chain input4 {
		ip saddr @input4_open accept
	}
}
`

// TestNftablesLoads checks and loads what is exported beside somebody else's table, again and again.
func TestNftablesLoads(t *testing.T) {
	nft := need(t, "nft")
	for _, flags := range [][]string{{}, {"--reject"}, {"--limits=false"}} {
		t.Run(strings.Join(flags, ""), func(t *testing.T) {
			ns := newNamespace(t)
			ns.firewall(t, foreignTable)
			foreign := ns.run(t, nft, "list", "table", "inet", "filter")
			file := exportedRules(t, "nftables", flags...)
			once := ""
			for round := range 3 {
				ns.run(t, nft, "-c", "-f", file)
				ns.run(t, nft, "-f", file)
				listed := ns.run(t, nft, "-s", "list", "table", "inet", "sallyport")
				if round == 0 {
					once = listed
				}
				if diff := cmp.Diff(once, listed); diff != "" {
					t.Errorf("loaded again, it is different (-first +now):\n%s", diff)
				}
			}
			if diff := cmp.Diff(foreign, ns.run(t, nft, "list", "table", "inet", "filter")); diff != "" {
				t.Errorf("the foreign table (-before +after):\n%s", diff)
			}
			if tables := ns.run(t, nft, "list", "tables"); tables != "table inet filter\ntable inet sallyport\n" {
				t.Errorf("tables: %s", tables)
			}
		})
	}
}

// The addresses of the server of exported rules.
const exported4, exported6 = "10.1.0.4:2021", "[2001:db8:1::4]:2021"

// TestNftablesRates lets clients connect until their rates are used up.
func TestNftablesRates(t *testing.T) {
	ns := newExportedHost(t)
	ns.run(t, need(t, "nft"), "-f", exportedRules(t, "nftables", "--reject"))
	ns.wantConnections(t, []connection{
		{"a client's first", "10.2.0.7:0", exported4, true},
		{"its second", "10.2.0.7:0", exported4, true},
		{"its third, of the other family", "[2001:db8:2::7]:0", exported6, true},
		{"its fourth", "10.2.0.7:0", exported4, false},
		{"its fifth, of the other family", "[2001:db8:2::7]:0", exported6, false},
		{"a client without a rate", "10.2.0.5:20001", exported4, true},
		{"a source port beside", "10.2.0.5:20005", exported4, false},
		{"a source's first", "10.2.0.34:0", exported4, true},
		{"its second", "10.2.0.34:0", exported4, true},
		{"its third", "10.2.0.34:0", exported4, false},
		{"another source", "10.2.0.35:0", exported4, true},
		{"a blocked source", "10.2.0.33:0", exported4, false},
		{"a prefix' first", "[2001:db8:7::1]:0", exported6, true},
		{"its second, from another address", "[2001:db8:7::2]:0", exported6, true},
		{"its third", "[2001:db8:7::1]:0", exported6, false},
		{"another prefix", "[2001:db8:7:1::1]:0", exported6, true},
	})
}

// TestIptablesRates does the same where a client has a bucket in each family, and sources have none.
func TestIptablesRates(t *testing.T) {
	for _, program := range []string{"xtables-nft-multi", "xtables-legacy-multi"} {
		t.Run(program, func(t *testing.T) {
			ns, program := newExportedHost(t), need(t, program)
			for _, tables := range []string{"iptables", "ip6tables"} {
				ns.run(t, program, tables+"-restore", "--noflush", exportedRules(t, tables, "--reject"))
				ns.run(t, program, tables, "-I", "INPUT", "-j", "SALLYPORT-IN")
			}
			ns.wantConnections(t, []connection{
				{"a client's first", "10.2.0.7:0", exported4, true},
				{"its second", "10.2.0.7:0", exported4, true},
				{"its third", "10.2.0.7:0", exported4, true},
				{"its fourth", "10.2.0.7:0", exported4, false},
				{"its first of the other family", "[2001:db8:2::7]:0", exported6, true},
				{"a client without a rate", "10.2.0.5:20001", exported4, true},
				{"a source port beside", "10.2.0.5:20005", exported4, false},
				{"a source's first", "10.2.0.34:0", exported4, true},
				{"its second", "10.2.0.34:0", exported4, true},
				{"its third", "10.2.0.34:0", exported4, true},
				{"a blocked source", "10.2.0.33:0", exported4, false},
			})
		})
	}
}

// newExportedHost is a host that has the addresses of both ends, and accepts connections at those of the server.
func newExportedHost(t *testing.T) namespace {
	t.Helper()
	ns, ip := newNamespace(t), need(t, "ip")
	for _, address := range []string{
		"10.1.0.4/32", "10.2.0.5/32", "10.2.0.7/32", "10.2.0.33/32", "10.2.0.34/32", "10.2.0.35/32",
		"2001:db8:1::4/128", "2001:db8:2::7/128", "2001:db8:7::1/128", "2001:db8:7::2/128", "2001:db8:7:1::1/128",
	} {
		args := []string{"address", "add", address, "dev", "lo"}
		if strings.Contains(address, ":") {
			args = append(args, "nodad")
		}
		ns.run(t, ip, args...)
	}
	ns.acceptAll(t, exported4)
	ns.acceptAll(t, exported6)
	return ns
}

// connection is one that passes, or is refused.
type connection struct {
	name, source, destination string
	passes                    bool
}

// wantConnections connects in the order of a list.
func (ns namespace) wantConnections(t *testing.T, list []connection) {
	t.Helper()
	for _, c := range list {
		conn, err := ns.connectFrom(netip.MustParseAddrPort(c.source), c.destination)
		if (err == nil) != c.passes {
			t.Errorf("%s: %v, passes is to be %t", c.name, err, c.passes)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// acceptAll accepts connections at an address of a namespace, until the end of the test.
func (ns namespace) acceptAll(t *testing.T, address string) {
	t.Helper()
	var listener net.Listener
	must(t, ns.inside(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
}

// TestIptablesLoads checks and loads what is exported with both implementations, beside rules of the host.
func TestIptablesLoads(t *testing.T) {
	for _, program := range []string{"xtables-nft-multi", "xtables-legacy-multi"} {
		for _, tables := range []string{"iptables", "ip6tables"} {
			t.Run(program+"/"+tables, func(t *testing.T) { loadIptables(t, need(t, program), tables) })
		}
	}
}

func loadIptables(t *testing.T, program, tables string) {
	ns := newNamespace(t)
	file := exportedRules(t, tables, "--reject")
	ns.run(t, program, tables, "-A", "INPUT", "-p", "tcp", "--dport", "2022", "-j", "DROP")
	once := ""
	for round := range 3 {
		ns.run(t, program, tables+"-restore", "--noflush", "--test", file)
		ns.run(t, program, tables+"-restore", "--noflush", file)
		if round == 0 {
			ns.run(t, program, tables, "-I", "INPUT", "-j", "SALLYPORT-IN")
		}
		saved := rulesOnly(ns.run(t, program, tables+"-save"))
		if round == 0 {
			once = saved
		}
		if diff := cmp.Diff(once, saved); diff != "" {
			t.Errorf("loaded again, it is different (-first +now):\n%s", diff)
		}
	}
	for _, want := range []string{"-A INPUT -j SALLYPORT-IN\n-A INPUT -p tcp -m tcp --dport 2022 -j DROP\n", "--reject-with tcp-reset"} {
		if !strings.Contains(once, want) {
			t.Errorf("no %q in\n%s", want, once)
		}
	}
}

// rulesOnly leaves comments with times and counters out of what iptables-save writes.
func rulesOnly(saved string) string {
	var b strings.Builder
	for line := range strings.Lines(saved) {
		if strings.HasPrefix(line, "-A ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
